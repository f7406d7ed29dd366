// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Sheaves is the setting that tells how many objects SLUB's arrays of a cache hold (since
// Linux 7.0). All kernels have this cache: smaller ones may be missing, since those for
// large cache lines begin with 128 bytes or more (new_kmalloc_cache in mm/slab_common.c).
const Sheaves = "/sys/kernel/slab/kmalloc-1k/sheaf_capacity"

var (
	errSheaves      = errors.New("SLUB has pointers to what it allocated last (sheaves, since Linux 7.0), so that most leaks of single objects may be missing (boot with slab_debug=P)")
	errOtherSheaves = errors.New("SLUB has pointers to what it allocated last from other caches than kmalloc-8 to kmalloc-8k (sheaves, since Linux 7.0), so that leaks of single objects of these may be missing (boot with slab_debug=P)")
)

// TurnOverSheaves calls turn if SLUB keeps what it hands out next in arrays, and returns
// what they may hide after that. It is what the machines' methods of that name have in
// common.
func TurnOverSheaves(ctx context.Context, m Machine, turn func(context.Context) error) error {
	capacity, err := m.Setting(ctx, Sheaves)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && capacity == "0":
		return nil
	case err != nil:
		return fmt.Errorf("whether SLUB hides leaks in sheaves could not be read: %w", err)
	}
	if err := turn(ctx); err != nil {
		return fmt.Errorf("%w; no more can be done: %w", errSheaves, err)
	}
	return errOtherSheaves
}
