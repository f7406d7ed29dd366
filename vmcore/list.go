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
	last, damage := head, error(nil)
	seen := 0
	at, _, err := k.links(head)
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
		next, back, err := k.links(at)
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
		last, at = at, next
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
	var entries []uint64
	last := head
	_, at, err := k.links(head)
	for err == nil && at != head && at != stop && len(entries) < most && checkContext(ctx, len(entries)) == nil {
		var next, prev uint64
		if next, prev, err = k.links(at); err != nil || next != last {
			break
		}
		entries = append(entries, at)
		last, at = at, prev
	}
	return entries
}

// links reads the two pointers of a list_head.
func (k *Kernel) links(entry uint64) (next, prev uint64, err error) {
	var b [16]byte
	if err := k.mem.ReadAt(b[:2*k.word], entry); err != nil {
		return 0, 0, err
	}
	return number(b[:k.word]), number(b[k.word : 2*k.word]), nil
}
