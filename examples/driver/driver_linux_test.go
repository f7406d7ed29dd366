// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package driver shows the tests of a driver that fail if the kernel leaks. They need
// root and a kernel with kmemleak:
//
//	go test -exec sudo ./examples/driver
package driver

import (
	"os"
	"testing"

	"github.com/kmemleak/kmemleak/kmemleaktest"
)

// work stands for what a real test does with its driver.
func work(t *testing.T) {
	t.Helper()
	random, err := os.Open("/dev/urandom")
	if err != nil {
		t.Fatal(err)
	}
	defer random.Close()
	if _, err := random.Read(make([]byte, 1<<16)); err != nil {
		t.Error(err)
	}
}

// One test that looks for leaks when it ends, about 6 s. IgnoreCurrent leaves out
// what was leaked before, and without SkipIfUnavailable the test fails on a kernel
// without kmemleak.
func TestIntegrationRead(t *testing.T) {
	defer kmemleaktest.VerifyNone(t, kmemleaktest.IgnoreCurrent(), kmemleaktest.SkipIfUnavailable())
	work(t)
}

// Many tests that look once, at the end, and still know which test a leak belongs to.
func TestIntegrationSuite(t *testing.T) {
	var suite kmemleaktest.Suite
	defer suite.Verify(t, kmemleaktest.SkipIfUnavailable())
	for _, name := range []string{"once", "again"} {
		t.Run(name, func(t *testing.T) {
			suite.Track(t)
			work(t)
		})
	}
}
