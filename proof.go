// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kmemleak/kmemleak/internal/machine"
)

// A proof is the proof of life of one search, see [ProofOfLife].
type proof struct {
	file   string // "" if none is wanted
	window Window // in which the module was loaded
	found  bool   // or none is wanted
}

// make loads the module.
func (p *proof) make(ctx context.Context, m machine.Machine, o *options) (err error) {
	p.file = o.proof
	if p.file == "" {
		p.found = true
		return nil
	}
	if p.window.From, err = machine.Mark(ctx, m); err == nil {
		// Nobody could tell whether half of it was done.
		ctx = context.WithoutCancel(ctx)
		err = m.Load(ctx, p.file)
	}
	if err == nil {
		o.ended = time.Now()
		p.window.To, err = m.Jiffies(ctx)
	}
	return failed("make a proof of life", err)
}

// is reports whether the leak is the one that was made.
func (p *proof) is(l Leak) bool {
	if p.file == "" || !p.window.Contains(l.Jiffies) {
		return false
	}
	made := slices.ContainsFunc(l.Backtrace, func(f Frame) bool {
		// The module's init function is a bare address by now.
		return f.Func == "do_init_module" || f.Module == machine.ModuleName(p.file)
	})
	p.found = p.found || made
	return made
}

func (p *proof) check() error {
	if !p.found {
		return fmt.Errorf("%w: %s was loaded, and its leaks are not reported", ErrNoProof, p.file)
	}
	return nil
}

// unmake unloads the module, if it was loaded.
func (p *proof) unmake(ctx context.Context, m machine.Machine) error {
	if p.file == "" {
		return nil
	}
	return m.Unload(ctx, p.file)
}
