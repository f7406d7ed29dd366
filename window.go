// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"context"
	"fmt"

	"github.com/kmemleak/kmemleak/internal/machine"
)

// A Window is a span of a kernel's time, by its tick counter: from the tick From to
// the tick To, both included. A tick is 1 to 10 ms, as the kernel was built.
//
// To may be less than From: the counter of a 32-bit kernel began anew meanwhile,
// as it does five minutes after boot and again after 50 days or more.
type Window struct {
	Name string // of what went on, for people
	From uint64 // as Detector.Mark returns it
	To   uint64 // as Detector.Jiffies returns it
}

// Contains reports whether an object with this [Leak.Jiffies] was allocated in the
// window.
func (w Window) Contains(jiffies uint64) bool {
	if w.From <= w.To {
		return w.From <= jiffies && jiffies <= w.To
	}
	return w.From <= jiffies || jiffies <= w.To
}

// Mark waits for the kernel's next tick, 10 ms at most on a running system, and
// returns its number: what was allocated before the call has other [Leak.Jiffies],
// what is allocated after it has these or later ones. It begins a [Window].
func (d *Detector) Mark() (uint64, error) {
	now, err := machine.Mark(context.Background(), d.machine())
	if err != nil {
		return 0, fmt.Errorf("read jiffies: %w", err)
	}
	return now, nil
}

// Jiffies reads the kernel's tick counter, with which [Leak.Jiffies] is to be
// compared. It takes root: the counter is in /proc/timer_list.
//
// The counter starts 300 s before its lower 32 bits overflow. On 32-bit kernels
// it then begins anew from 0, so that later does not always mean greater: see
// [Window].
func (d *Detector) Jiffies() (uint64, error) {
	now, err := d.machine().Jiffies(context.Background())
	if err != nil {
		return 0, fmt.Errorf("read jiffies: %w", err)
	}
	return now, nil
}
