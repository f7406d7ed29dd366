// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
)

// dumped is the memory of a test kernel that had loaded the module held and, with the
// module leaky, lost 40 objects, and what its file of kmemleak said then.
type dumped struct {
	image   *Image
	kernel  *Kernel
	vmlinux string
	report  []kmemleak.Leak
}

// openMemory opens the dump that make integration made, in the folder KMEMLEAK_MEMORY; the
// kernel's folder is KMEMLEAK_IMAGE.
func openMemory(t *testing.T) dumped {
	t.Helper()
	folder := need.Memory(t)
	image, err := Open(filepath.Join(folder, "core"))
	if err != nil {
		t.Fatal(err)
	}
	name := os.Getenv("KMEMLEAK_KERNEL")
	return newDumped(t, image, filepath.Join(os.Getenv("KMEMLEAK_IMAGE"), "vmlinux"), filepath.Join(folder, "report"),
		"../testdata/modules/held/"+name, "../testdata/modules/leaky/"+name)
}

// newDumped reads the kernel in an image, which it closes at the end of the test.
func newDumped(t *testing.T, image *Image, vmlinux, report string, dirs ...string) dumped {
	t.Helper()
	t.Cleanup(func() { image.Close() })
	d := dumped{image: image, vmlinux: vmlinux}
	var err error
	if d.kernel, err = NewKernel(t.Context(), image, Files{Vmlinux: vmlinux, Dirs: dirs}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.kernel.Close() })
	file, err := os.Open(report)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if d.report, err = kmemleak.Parse(file); err != nil {
		t.Fatal(err)
	}
	if len(d.report) < 40 {
		t.Fatalf("the kernel reported %d leaks", len(d.report))
	}
	return d
}

// labelled returns the objects of the module held by their labels.
func (d dumped) labelled(t *testing.T, objects []Object) map[string]*Object {
	t.Helper()
	const label = 32
	found := make(map[string]*Object)
	for i := range objects {
		o := &objects[i]
		switch {
		case hasFunc(o.Backtrace, "labelled"):
			text, err := d.kernel.cString(o.Addr+label, 32)
			if err != nil {
				t.Fatal(err)
			}
			found[text] = o
		case hasFunc(o.Backtrace, "lose_queue") && o.Size <= 32:
			// Stale pointers may hide some of the lists, but rarely all.
			if q := found["queue"]; q == nil || !q.Reported {
				found["queue"] = o
			}
		}
	}
	first, err := d.kernel.long(found["queue"].Addr)
	if err != nil {
		t.Fatal(err)
	}
	for i := range objects {
		if o := &objects[i]; first-o.Addr < o.Size {
			found["node"] = o
		}
	}
	return found
}

func hasFunc(frames []kmemleak.Frame, name string) bool {
	for _, f := range frames {
		if f.Func == name && f.Module == "held" {
			return true
		}
	}
	return false
}

// otherBuild copies a vmlinux and changes its build ID.
func otherBuild(t *testing.T, d dumped) string {
	t.Helper()
	b, err := os.ReadFile(d.vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	notes := d.kernel.file.Section(".notes")
	if notes == nil {
		t.Fatal("no .notes")
	}
	at := strings.Index(string(b[notes.Offset:notes.Offset+notes.Size]), "GNU\x00")
	if at < 0 {
		t.Fatal("no note of GNU")
	}
	b[notes.Offset+uint64(at)+4] ^= 0xff
	name := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
