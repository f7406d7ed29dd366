// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kerneltest_test

import (
	"context"
	"fmt"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

// This tests what a program writes about leaks. The program is a function with a Detector.
func Example() {
	program := func(ctx context.Context, d *kmemleak.Detector) {
		for range 2 {
			if err := d.Scan(ctx); err != nil {
				fmt.Println(err)
				return
			}
		}
		for l, err := range d.Leaks() {
			fmt.Println(l.Size, "bytes of", l.Comm, err)
		}
	}

	k := kerneltest.New(nil) // in a test: kerneltest.New(t)
	k.SetScanTime(0)
	now, _ := k.Detector().Jiffies()
	k.Alloc(kmemleak.Leak{Comm: "old", Size: 32, Jiffies: now - 10*kerneltest.HZ})
	k.Alloc(kmemleak.Leak{Comm: "young"})
	program(context.Background(), k.Detector())

	k.Fail(kerneltest.Scan, kmemleak.ErrUnavailable)
	program(context.Background(), k.Detector())
	// Output:
	// 32 bytes of old <nil>
	// scan: kmemleak is not available
}
