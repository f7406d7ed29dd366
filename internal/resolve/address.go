// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"errors"
	"fmt"
)

// examineAddress fills in the meaning of a bare address.
func (r *Resolver) examineAddress(q question, x *resolution) {
	f := q.frame
	if f.Addr == 0 {
		x.trouble = trouble{ProblemOther, errors.New("the frame has neither a name nor an address")}
		return
	}
	var missing trouble
	for _, l := range r.memory.below(f.Addr) {
		failed := r.examineIn(q, l, x)
		if missing.err == nil && failed.err != nil && r.memory.inside(f.Addr, l) {
			x.lost = l.module.Name
			missing = failed.of(fmt.Sprintf("inside of module %s, at %s+%#x", l.module.Name, l.name, f.Addr-l.addr))
		}
	}
	switch {
	case len(x.answers) > 0 && x.err != nil:
	case len(x.answers) > 0:
		if len(distinct(x.answers)) == 1 {
			x.trouble = x.answers[0].nopos
		}
	case missing.err != nil:
		x.trouble = missing
	case len(r.Modules) == 0:
		x.trouble = trouble{ProblemNoMemory, errors.New("a bare address, and it is not known where modules lay in memory (a snapshot tells, taken while they are loaded)")}
	case len(r.memory.loaded) == 0:
		x.trouble = trouble{ProblemHidden, fmt.Errorf("a bare address, and no module comes with its sections: %w", ErrHidden)}
	default:
		x.trouble = trouble{ProblemOutside, fmt.Errorf("in none of the %d known modules", len(r.Modules))}
	}
	x.trouble = x.of(fmt.Sprintf("%#x", f.Addr))
}

// examineIn looks whether a bare address is in a section. It returns trouble if it
// could not find out.
func (r *Resolver) examineIn(q question, l loadedSection, x *resolution) trouble {
	f := q.frame
	r.images.mayLoad(l.module.Name)
	img, err := r.images.acquire(l.module.Name, l.module.BuildID)
	if err != nil {
		return noImage(err)
	}
	defer r.images.release(img)
	sec := img.file.Section(l.name)
	if sec == nil || !sec.Executable() || f.Addr-l.addr > sec.Size {
		return trouble{}
	}
	function := ""
	c := candidate{section: sec, offset: f.Addr - l.addr, exact: q.exact}
	// A call may be the last instruction of a function.
	if sym, ok := img.file.SymbolAt(sec, max(c.offset, 1)-1); ok {
		c.entry, function = sym.Addr(), sym.Name
	}
	img.findCall(&c, false)
	a := img.answer(&r.source, function, c)
	a.same, a.sized = true, true
	if c.denied.err != nil && (len(x.answers) > 0 || l.module.BuildID != "" && sameID(l.module.BuildID, img.buildID)) {
		// Another section fits better, or another module: this one is of that build, so the
		// memory, such as that of its freed init code, has become somebody else's since.
		return trouble{}
	}
	if x.err != nil {
		x.answers = nil // this one fits better
	}
	x.trouble = c.denied
	x.sameBuild(img, l.module.BuildID, q.bits)
	x.file, x.fileID, x.lost, x.machine = img.path, img.buildID, l.module.Name, machineOf(img.file)
	x.answers = append(x.answers, a)
	return trouble{}
}
