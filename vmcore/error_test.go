// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"testing"
)

func TestAbsentError(t *testing.T) {
	for want, err := range map[string]error{
		"virtual address 0x10: memory is absent: not mapped":                &AbsentError{Addr: 16, Cause: "not mapped"},
		"physical address 0x1000: memory is absent: excluded from the dump": &AbsentError{Addr: 4096, Physical: true, Cause: "excluded from the dump"},
	} {
		if err.Error() != want || !errors.Is(err, ErrAbsent) || errors.Is(err, ErrFormat) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
