// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"fmt"
)

var (
	// ErrAbsent is the error for memory that an image does not have: pages that were not
	// there, that whoever wrote the dump left out, or that the kernel does not map.
	ErrAbsent = errors.New("memory is absent")

	// ErrFormat is the error for files that are no dumps, damaged, or of an unknown kind.
	ErrFormat = errors.New("not a readable memory dump")

	// ErrTruncated is the error for dumps whose end is missing.
	ErrTruncated = errors.New("the memory dump is truncated")

	// ErrTranslation is the error for virtual addresses if it is not known where the
	// kernel's page tables are. Relocate may find them.
	ErrTranslation = errors.New("the kernel's page tables are not known")

	// ErrRelocate is the error for symbols that do not fit the image.
	ErrRelocate = errors.New("the symbols do not fit the memory")
)

// AbsentError tells which memory is absent, and why. It matches ErrAbsent.
type AbsentError struct {
	Addr     uint64 // of the first byte that is absent
	Physical bool   // whether Addr is a physical address
	Cause    string // such as "excluded from the dump"
}

func (e *AbsentError) Error() string {
	kind := "virtual"
	if e.Physical {
		kind = "physical"
	}
	return fmt.Sprintf("%s address %#x: %v: %s", kind, e.Addr, ErrAbsent, e.Cause)
}

// Is reports whether target is ErrAbsent.
func (e *AbsentError) Is(target error) bool { return target == ErrAbsent }
