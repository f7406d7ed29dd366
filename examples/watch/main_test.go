// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

// Where nobody will ever be able to look, the daemon says so once and ends.
func TestWatchEnds(t *testing.T) {
	for _, why := range []error{kmemleak.ErrUnavailable, kmemleak.ErrDisabled, fs.ErrPermission} {
		t.Run(why.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := kerneltest.New(t)
				k.Fail(kerneltest.Probe, why)
				var out strings.Builder
				if err := watch(t.Context(), &out, k.Detector(), time.Minute); !errors.Is(err, why) {
					t.Errorf("%v, want %v", err, why)
				}
				if got := out.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, `{"error":`) || !strings.Contains(got, why.Error()) {
					t.Errorf("wrote %q", got)
				}
			})
		})
	}
}
