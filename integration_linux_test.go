// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"golang.org/x/sys/unix"
)

// The integration tests run as root on kernels made for them. make integration
// boots each kernel in several ways, and sets
//
//	KMEMLEAK_KERNEL  the kernel's name, as in testdata/modules/hello_kernel
//	KMEMLEAK_BOOT    how it was booted: "" for nothing special, parameters of its
//	                 command line, "expendable" to be left in any state, "find"
//	                 for a kernel without the leaks of other tests, whose frames
//	                 are printed with the name of whatever module lies there now, or
//	                 "many" and "recall" for the tests of that name
//
// Without, they are skipped; with KMEMLEAK=require in the environment that is a
// failure. It also checks that each test has passed in some boot.

// hello is the module hello_kernel, loaded.
type hello struct {
	kernel string
	loaded uint64 // jiffies, shortly before
}

const helloLeaks = 8

func (h hello) file() string { return filepath.Join(helloDir, h.kernel, "hello-kernel.ko") }

const helloDir = "testdata/modules/hello_kernel"

// leakAll loads the module and searches until all that it lost is reported. An
// object may stay hidden for as long as a stale pointer to it stands somewhere that
// scans look, such as on the stack of interrupts: then the module is loaded anew,
// with new objects. The count is never lowered.
func leakAll(t *testing.T, kernel string, search func(h hello) []kmemleak.Leak) (hello, []kmemleak.Leak) {
	t.Helper()
	for range 4 {
		h := load(t, kernel)
		leaks := search(h)
		if len(leaks) == helloLeaks {
			t.Cleanup(func() { unload(t) })
			return h, leaks
		}
		unload(t)
		t.Logf("%d leaks of %d: the others are hidden", len(leaks), helloLeaks)
		if err := new(kmemleak.Detector).Clear(); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("some leaks stay hidden, however often the module is loaded")
	return hello{}, nil
}

// loadHello loads the module and unloads it at the end of the test.
func loadHello(t *testing.T, kernel string) hello {
	t.Helper()
	h := load(t, kernel)
	t.Cleanup(func() { unload(t) })
	return h
}

func load(t *testing.T, kernel string) hello {
	t.Helper()
	h := hello{kernel: kernel, loaded: jiffies(t)}
	file, err := os.Open(h.file())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// The thread that loads the module ends here, and its kernel stack with it,
	// on which stale pointers to the lost objects remain.
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		var cpu unix.CPUSet
		cpu.Set(0)
		err := unix.SchedSetaffinity(0, &cpu)
		if err == nil {
			err = unix.FinitModule(int(file.Fd()), "", 0)
		}
		if err == nil && !strings.HasPrefix(kernel, "6.") {
			err = forgetBuffer(t, file)
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("load %s: %v", h.file(), err)
	}
	return h
}

// forgetBuffer has the kernel use the descriptor of an area again that was that of its buffer
// of the module's file, on this processor. It was left with a pointer to a vm_struct, which
// Linux 7 gives to the first vmalloc of the module.
func forgetBuffer(t *testing.T, module *os.File) error {
	t.Helper()
	// More than is freed lazily on four processors (lazy_max_pages in mm/vmalloc.c).
	name := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(name, 100<<20); err != nil {
		return err
	}
	empty, err := os.Open(name)
	if err != nil {
		return err
	}
	defer empty.Close()
	if err := unix.FinitModule(int(empty.Fd()), "", 0); err != unix.ENOEXEC {
		return fmt.Errorf("load an empty module: %w", err)
	}
	time.Sleep(500 * time.Millisecond) // a worker frees it
	for range 2 {
		if err := unix.FinitModule(int(module.Fd()), "", 0); err != unix.EEXIST {
			return fmt.Errorf("load it twice: %w", err)
		}
	}
	return nil
}

func unload(t *testing.T) {
	t.Helper()
	// A test may have unloaded it.
	if err := unix.DeleteModule("hello_kernel", 0); err != nil && err != unix.ENOENT {
		t.Errorf("unload hello_kernel: %v", err)
	}
}

// jiffies reads the kernel's tick counter.
func jiffies(t *testing.T) (now uint64) {
	t.Helper()
	file, err := os.Open("/proc/timer_list")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), "jiffies: %d", &now); n == 1 {
			return now
		}
	}
	t.Fatal("/proc/timer_list has no jiffies")
	return 0
}

// mine reads the report and keeps the leaks of this loading of the module.
func (h hello) mine(t *testing.T, d *kmemleak.Detector) []kmemleak.Leak {
	t.Helper()
	var mine []kmemleak.Leak
	for leak, err := range d.Leaks() {
		if err != nil {
			t.Fatal(err)
		}
		if leak.Jiffies < h.loaded {
			continue
		}
		for _, f := range leak.Backtrace {
			if f.Func == "do_init_module" {
				mine = append(mine, leak)
				break
			}
		}
	}
	return mine
}

// find waits until the lost objects are old enough and scans until all are
// reported, for a while; the later scans leave the stacks out.
func (h hello) find(t *testing.T, d *kmemleak.Detector) []kmemleak.Leak {
	t.Helper()
	time.Sleep(minAge)
	var mine []kmemleak.Leak
	for scan := 1; scan <= 20 && len(mine) < helloLeaks; scan++ {
		if scan == 5 {
			if err := d.SetStackScan(false); err != nil {
				t.Fatal(err)
			}
			defer d.SetStackScan(true)
		}
		if err := d.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		mine = h.mine(t, d)
	}
	return mine
}

// minAge is how old an object must be for a scan to report it, and a bit.
const minAge = 5100 * time.Millisecond

// manualScans switches the automatic scan off, as every user should.
func manualScans(t *testing.T) *kmemleak.Detector {
	t.Helper()
	d := new(kmemleak.Detector)
	if err := d.SetAutoScan(0); err != nil {
		t.Fatal(err)
	}
	return d
}
