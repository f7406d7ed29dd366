// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"sync"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// lay is where a region of a module lay.
type lay struct {
	file   string // path
	region kobj.Region
	base   uint64
}

// lays are those that backtraces have shown. They count in later ones of the same kernel:
// the memory of init code, for one, has one address in all of them.
type lays struct {
	mu      sync.RWMutex
	known   map[lay]bool
	doubted map[string]bool // files that some frame does not fit, or not quite
}

// maxLays bounds what is remembered: a kernel has some hundred modules.
const maxLays = 1 << 14

func (l *lays) add(x lay) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = make(map[lay]bool)
	}
	if len(l.known) < maxLays {
		l.known[x] = true
	}
}

func (l *lays) has(x lay) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.known[x] && !l.doubted[x.file]
}

func (l *lays) doubt(file string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doubted == nil {
		l.doubted = make(map[string]bool)
	}
	if len(l.doubted) < maxLays {
		l.doubted[file] = true
	}
}

// count changes when there is something new.
func (l *lays) count() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.known) + len(l.doubted)
}

// learn remembers where code lay, from the calls of a backtrace that are known without
// what others have shown. Of a file that a frame does not fit nothing is believed.
func (r *Resolver) learn(calls []Call) {
	for i := range calls {
		c := &calls[i]
		if c.Kind == Printed && c.File != "" && c.Module != "" && (c.Problem.denies() || c.Fits == 0 || !c.SameName || c.Frame.Size != 0 && !c.SizeFits) {
			r.lays.doubt(c.File)
		}
	}
	for i := range calls {
		c := &calls[i]
		if t := c.Text; t != nil && t.Candidates == 1 && !t.Known && c.lay.file != "" && c.Problem == ProblemNone && c.Misfit == nil && r.Firm(&c.Facts) {
			r.lays.add(c.lay)
		}
	}
}
