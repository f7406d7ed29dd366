// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// slabs is the folder of the caches. A cache of several names is a folder with links.
const slabs = "/sys/kernel/slab"

// TurnOverSheaves has SLUB give its arrays back, with all pointers in them.
//
// To shrink a cache frees its arrays, but for one of each processor, which only becomes
// empty: what was there stays, and is scanned (pcs_flush_all in mm/slub.c of Linux 7.3).
// The next allocation on the processor finds the array empty and takes a new one in its
// place (__pcs_replace_empty_main), so that the old one is freed when the cache is shrunk
// again.
func (l local) TurnOverSheaves(ctx context.Context) error {
	return TurnOverSheaves(ctx, l, func(ctx context.Context) error {
		// What is freed between the steps would be allocated again, and no array replaced.
		turnover.Lock()
		endTurnover()
		turnover.Unlock()
		l.Barrier(ctx)
		if err := shrink(slabs); err != nil {
			return err
		}
		if err := allocateSizes(ctx); err != nil {
			return err
		}
		if err := shrink(slabs); err != nil {
			return err
		}
		return partitioned(slabs)
	})
}

// shrink shrinks all caches that have arrays.
func shrink(slabs string) error {
	caches, err := os.ReadDir(slabs)
	if err != nil {
		return err
	}
	for _, cache := range caches {
		if cache.Type()&fs.ModeSymlink != 0 {
			continue
		}
		capacity, err := os.ReadFile(filepath.Join(slabs, cache.Name(), "sheaf_capacity"))
		if err == nil && strings.TrimSpace(string(capacity)) != "0" {
			err = writeFile(filepath.Join(slabs, cache.Name(), "shrink"), "1")
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // caches come and go
			return err
		}
	}
	return nil
}

// partitioned returns an error if kmalloc has several caches of one size, and chooses one by
// the caller or the type: what allocateSizes allocates is of one of them.
func partitioned(slabs string) error {
	for _, name := range []string{"kmalloc-part-01-1k", "kmalloc-rnd-01-1k"} {
		if _, err := os.Stat(filepath.Join(slabs, name)); err == nil {
			return fmt.Errorf("kmalloc has several caches of each size, such as %s", name)
		}
	}
	return nil
}

// writeFile writes to a file that is there.
func writeFile(name, text string) error {
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
