// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kerneltest_test

import (
	"errors"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

// TestAllocAgain checks that a new object replaces an old one at its place.
func TestAllocAgain(t *testing.T) {
	k := kerneltest.New(t)
	first := k.Alloc(kmemleak.Leak{})
	second := k.Alloc(kmemleak.Leak{Addr: first.Addr, Size: 8})
	if o, err := k.Detector().Dump(first.Addr); err != nil || o.Size != second.Size {
		t.Errorf("%+v, %v, want the second one", o, err)
	}
	if other := k.Alloc(kmemleak.Leak{}); other.Addr == first.Addr {
		t.Error("two objects have one address")
	}
}

// TestGone checks that the path of a Detector leads nowhere after the test.
func TestGone(t *testing.T) {
	var d *kmemleak.Detector
	t.Run("test", func(t *testing.T) {
		d = kerneltest.New(t).Detector()
		if err := d.Probe(); err != nil {
			t.Error(err)
		}
	})
	if err := d.Probe(); !errors.Is(err, kmemleak.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}
