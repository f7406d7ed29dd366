// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// maxEntries is more than any list of a kernel has.
const maxEntries = 1 << 28

// errStop ends the walk of a list early.
var errStop = errors.New("stop")

// list calls fn with the address of each entry of a doubly linked list (struct
// list_head) in order. Each entry must point back to the one before: what does not ends
// the walk, so cycles do, too. What lies behind the damage is then read from the end of
// the list on, and comes in order as well, after the rest. The error names the place.
func (k *Kernel) list(ctx context.Context, name string, head uint64, fn func(entry uint64) error) error {
	const next, prev = 0, 1
	last, damage := head, error(nil)
	seen := 0
	at, err := k.link(head, next)
	if err != nil {
		return fmt.Errorf("%s: head at %#x: %w", name, head, err)
	}
	for at != head {
		if seen++; seen > maxEntries {
			return fmt.Errorf("%s: %w: more than %d entries", name, ErrDamaged, maxEntries)
		}
		if err := checkContext(ctx, seen); err != nil {
			return err
		}
		back, err := k.link(at, prev)
		if err != nil {
			damage = fmt.Errorf("%s: entry at %#x, to which that at %#x leads: %w", name, at, last, err)
			break
		}
		if back != last {
			damage = fmt.Errorf("%s: %w: entry at %#x points back to %#x, not to %#x, which leads there", name, ErrDamaged, at, back, last)
			break
		}
		if err := fn(at); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return err
		}
		last = at
		if at, err = k.link(last, next); err != nil {
			damage = fmt.Errorf("%s: entry at %#x: %w", name, last, err)
			break
		}
	}
	if damage == nil {
		return nil
	}
	rest := k.fromEnd(ctx, head, last, maxEntries-seen)
	for _, entry := range slices.Backward(rest) {
		if err := fn(entry); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return errors.Join(damage, err)
		}
	}
	return fmt.Errorf("%w (%d entries were read before it, and %d from the end of the list back)", damage, seen-1, len(rest))
}

// fromEnd returns the entries of a list from its end to where it is damaged, the last
// one first. stop is the last one that is known already.
func (k *Kernel) fromEnd(ctx context.Context, head, stop uint64, most int) []uint64 {
	const next, prev = 0, 1
	var entries []uint64
	last := head
	for len(entries) < most && checkContext(ctx, len(entries)) == nil {
		at, err := k.link(last, prev)
		if err != nil || at == head || at == stop {
			break
		}
		if forward, err := k.link(at, next); err != nil || forward != last {
			break
		}
		entries = append(entries, at)
		last = at
	}
	return entries
}

// link reads one of the two pointers of a list_head: next is the first.
func (k *Kernel) link(entry uint64, n int) (uint64, error) {
	return k.long(entry + uint64(n*k.word))
}
