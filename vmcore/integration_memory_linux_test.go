// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

// TestIntegrationMemory reads kmemleak's objects out of the memory of the running kernel,
// and looks for who points to them. It leaves what the kernel reported for the tests of
// the dump that is made when it has ended (TestMemoryLeaks and those beside it).
func TestIntegrationMemory(t *testing.T) {
	need.Kernel(t, "memory")
	ctx := t.Context()
	var d kmemleak.Detector
	if err := d.SetAutoScan(0); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/held.ko", "/leaky.ko"} {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		file.Close()
	}
	if err := os.WriteFile("/sys/module/leaky/parameters/leak", []byte("40"), 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(7 * time.Second) // younger objects are no leaks
	for range 3 {
		if err := d.Scan(ctx); err != nil {
			t.Fatal(err)
		}
	}
	report := readReport(t)
	name := filepath.Join("/out", "report")
	if err := os.WriteFile(name, report, 0o600); err != nil {
		t.Fatal(err)
	}
	image, err := Live()
	if err != nil {
		t.Fatal(err)
	}
	live := newDumped(t, image, "/vmlinux", name, "/held.ko", "/leaky.ko")
	start := time.Now()
	leaks, err := live.kernel.Leaks(ctx)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d leaks in %v", len(leaks), time.Since(start))
	if diff := cmp.Diff(live.report, leaks); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	live.checkRefs(t)
	live.checkRoots(t)
	checkOwn(t, live)
}

// readReport reads the kernel's file until a reading has as many leaks as any: where objects
// are freed meanwhile, the kernel skips others.
func readReport(t *testing.T) []byte {
	t.Helper()
	var best []byte
	most, same := 0, 0
	for range 20 {
		b, err := os.ReadFile("/sys/kernel/debug/kmemleak")
		if err != nil {
			t.Fatal(err)
		}
		switch n := bytes.Count(b, []byte("unreferenced object")); {
		case n > most:
			best, most, same = b, n, 0
		case n == most:
			if same++; same == 3 {
				return best
			}
		}
	}
	t.Fatalf("readings never agree; the largest has %d leaks", most)
	return nil
}

// checkOwn searches for an object by an address that this process has many times.
func checkOwn(t *testing.T, live dumped) {
	t.Helper()
	objects, err := live.kernel.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := live.labelled(t, objects)["global"]
	copies := make([]uint64, 1<<16)
	for i := range copies {
		copies[i] = o.Addr
	}
	found, err := live.kernel.Refs(t.Context(), o.Addr)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	r := found[0]
	// The variable, and what may be left on stacks and in freed memory.
	if len(r.Refs) == 0 || len(r.Refs) > 64 || r.More > 0 {
		t.Errorf("%d references and %d more", len(r.Refs), r.More)
	}
	for _, x := range r.Refs {
		t.Logf("%#x: %v, scanned %v, changed %v", x.Addr, x.Holder, x.Holder.Scanned, x.Changed)
	}
	if copies[len(copies)-1] != o.Addr {
		t.Error("the copies are gone")
	}
}
