// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kmemleak/kmemleak/internal/allocinfo"
)

// readLive reads Allocinfo. That it cannot be read is something that is not sure.
func (o *Options) readLive() {
	if o.Allocinfo == "" {
		return
	}
	file, err := os.Open(o.Allocinfo)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		defer file.Close()
		o.allocated, err = allocinfo.Read(file)
		if err != nil {
			err = fmt.Errorf("%s: %w", o.Allocinfo, err)
		}
	}
	if err != nil {
		o.allocated = nil
		o.Doubts = append(o.Doubts[:len(o.Doubts):len(o.Doubts)], fmt.Errorf("how much is live where leaks are from: %w", err))
	} else if o.allocated.Off() {
		o.allocated = nil
	}
}

// liveFrom returns how much is live of what the lines of a group have allocated. ok is false
// if that is not known of all of them.
func (o *Options) liveFrom(sites []site) (live allocinfo.Live, ok bool) {
	if o.allocated == nil || len(sites) == 0 {
		return live, false
	}
	for _, s := range sites {
		one, ok := o.allocated.At(s.at)
		if !ok {
			return allocinfo.Live{}, false
		}
		live.Bytes, live.Calls = sum(live.Bytes, one.Bytes), sum(live.Calls, one.Calls)
	}
	return live, true
}

// live writes how much of what is live is leaked.
func (p *printer) live(g *group) {
	if s := p.liveText(g); s != "" {
		p.line(plain, "    %s", s)
	}
}

// liveText returns how much of what is live is leaked, "" if that is not known.
func (p *printer) liveText(g *group) string {
	live, ok := p.liveFrom(g.sites)
	if !ok {
		return ""
	}
	where := "this line"
	if len(g.sites) > 1 {
		where = "these lines"
	}
	switch size := g.Example.Size; {
	case g.Bytes > live.Bytes:
		return fmt.Sprintf("the kernel counts %d bytes live from %s, less than are leaked: it counts since vm.mem_profiling was set to 1", live.Bytes, where)
	case size > 0 && live.Bytes/size == live.Calls && live.Bytes%size == 0 && g.Bytes/size == uint64(g.Count) && g.Bytes%size == 0:
		return fmt.Sprintf("%d leaked of %d live from %s", g.Count, live.Calls, where)
	}
	// The allocator makes more of an object, such as the list of its pages.
	return fmt.Sprintf("%d bytes leaked of %d live from %s, in %s", g.Bytes, live.Bytes, where, plural(live.Calls, "allocation"))
}
