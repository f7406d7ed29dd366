// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

// TestDump reads whole dumps of a test kernel, and compares them with each other, with the
// kernel's file, and with what makedumpfile and drgn read. make integration runs it on the
// host, with KMEMLEAK_IMAGE set to the kernel's folder and KMEMLEAK_DUMP to one with the
// same memory in the files elf and kdump, as QEMU writes them.
func TestDump(t *testing.T) {
	folder, dumps := os.Getenv("KMEMLEAK_IMAGE"), os.Getenv("KMEMLEAK_DUMP")
	if folder == "" || dumps == "" {
		t.Skip("needs the vmlinux of a test kernel (try: make integration)")
	}
	vmlinux := filepath.Join(folder, "vmlinux")
	symbols := readSymbols(t, vmlinux)
	core := filepath.Join(dumps, "elf")
	image, want := openDump(t, core, symbols)
	pages := hashPages(t, image)
	t.Logf("%d pages, %+v", len(pages), want)
	if got := buildIDOf(t, vmlinux); got != want.BuildID || got == "" {
		t.Errorf("build ID %s, the vmlinux has %s", want.BuildID, got)
	}
	compareSections(t, image, vmlinux)

	packed, got := openDump(t, filepath.Join(dumps, "kdump"), symbols)
	want.Format = got.Format
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the compressed format (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(pages, hashPages(t, packed)); diff != "" {
		t.Errorf("the compressed format has other pages (-want +got)\n%s", diff)
	}
	if image.Info().GOARCH != "amd64" {
		return // makedumpfile reads dumps of the machine that it runs on
	}
	need.Tools(t, "makedumpfile python3-drgn", "makedumpfile", "drgn")
	for _, way := range []string{"-c", "-l", "-E", "-F -c", "-F -E"} {
		t.Run("makedumpfile "+way, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "filtered")
			makedumpfile(t, adjacentHeaders(t, core), name, "31", strings.Fields(way))
			m, got := openDump(t, name, symbols)
			want.Format = got.Format
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			some := hashPages(t, m)
			t.Logf("%s: %d pages", got.Format, len(some))
			if len(some) == 0 || len(some) >= len(pages) {
				t.Errorf("%d pages of %d", len(some), len(pages))
			}
			page := make([]byte, smallestPage)
			for addr, hash := range pages {
				err := m.ReadPhys(page, addr)
				switch found, ok := some[addr]; {
				case !ok && !errors.Is(err, ErrAbsent):
					t.Errorf("%#x is left out: %v", addr, err)
				case ok && (err != nil || found != hash || sha256.Sum256(page) != hash):
					t.Errorf("%#x is another page: %v", addr, err)
				}
			}
		})
	}
	// With nothing left out: makedumpfile 1.7.2 takes pages of Linux 7 that are in use for free.
	t.Run("drgn", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "whole")
		makedumpfile(t, adjacentHeaders(t, core), name, "0", []string{"-l"})
		m, _ := openDump(t, name, symbols)
		compareDrgn(t, m, name, vmlinux)
	})
}

// openDump opens a dump and finds out what it has.
func openDump(t *testing.T, name string, symbols map[string]uint64) (*Image, fact) {
	t.Helper()
	m, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	got, err := facts(m, symbols)
	if err != nil {
		t.Fatal(err)
	}
	return m, got
}

// hashPages returns the hashes of all pages.
func hashPages(t *testing.T, m *Image) map[uint64][32]byte {
	t.Helper()
	var mu sync.Mutex
	pages := make(map[uint64][32]byte)
	if err := m.Scan(context.Background(), func(addr uint64, b []byte) {
		for at := 0; at < len(b); at += smallestPage {
			hash := sha256.Sum256(b[at:min(len(b), at+smallestPage)])
			mu.Lock()
			pages[addr+uint64(at)] = hash
			mu.Unlock()
		}
	}); err != nil {
		t.Error(err)
	}
	return pages
}

func buildIDOf(t *testing.T, vmlinux string) string {
	t.Helper()
	f, err := kobj.Open(vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.BuildID()
}

// compareSections compares memory with sections that the kernel does not change.
func compareSections(t *testing.T, m *Image, vmlinux string) {
	t.Helper()
	f, err := elf.Open(vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"__ksymtab_strings", ".notes"} {
		s := f.Section(name)
		if s == nil {
			t.Errorf("%s has no %s", vmlinux, name)
			continue
		}
		want, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if err := m.ReadAt(got, s.Addr+m.Info().Offset); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not as in %s", name, vmlinux)
		}
	}
}

// adjacentHeaders copies a core so that its program headers follow the ELF header, without
// which makedumpfile 1.7.2 reads none.
func adjacentHeaders(t *testing.T, core string) string {
	t.Helper()
	b, err := os.ReadFile(core)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	at, n := le.Uint64(b[32:]), uint64(le.Uint16(b[56:]))*56
	copy(b[64:], bytes.Clone(b[at:at+n]))
	le.PutUint64(b[32:], 64)
	clear(b[40:48]) // no sections
	clear(b[58:64])
	name := filepath.Join(t.TempDir(), "core")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// makedumpfile writes a dump. Level 31 leaves out free pages, pages of users, caches and
// zeros; level 1 only zeros, and level 0 nothing.
func makedumpfile(t *testing.T, core, name, level string, flags []string) {
	t.Helper()
	out, err := os.Create(name + ".flat")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	args := append(slices.Clone(flags), "-d", level, core)
	if flags[0] != "-F" {
		args = append(args, name)
	}
	cmd := exec.Command("makedumpfile", args...)
	cmd.Stdout = out
	var messages bytes.Buffer
	cmd.Stderr = &messages
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &messages)
	}
	if flags[0] == "-F" {
		if err := os.Rename(out.Name(), name); err != nil {
			t.Fatal(err)
		}
	}
}

// drgnScript prints the address and the contents of the stacks of all tasks, which are in the
// vmalloc area, of the kernel's data, and of modules' names.
const drgnScript = `
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.list import list_for_each_entry
def show(what, addr, size):
    print(what, hex(addr), prog.read(addr, size).hex())
for task in for_each_task(prog):
    show("stack", task.stack.value_(), 16384)
    show("task", task.value_(), 256)
for name in ("init_task", "jiffies_64", "_stext", "linux_banner"):
    show(name, prog.symbol(name).address, 256)
`

// compareDrgn reads what drgn has read.
func compareDrgn(t *testing.T, m *Image, name, vmlinux string) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "read.py")
	if err := os.WriteFile(script, []byte(drgnScript), 0o600); err != nil {
		t.Fatal(err)
	}
	var messages bytes.Buffer
	cmd := exec.Command("drgn", "-q", "-c", name, "-s", vmlinux, script)
	cmd.Stderr = &messages
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &messages)
	}
	compared := make(map[string]int)
	for line := range strings.Lines(string(out)) {
		var what, text string
		var addr uint64
		if _, err := fmt.Sscanf(line, "%s 0x%x %s", &what, &addr, &text); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(text)/2)
		if err := m.ReadAt(got, addr); err != nil {
			t.Errorf("%s at %#x: %v", what, addr, err)
		} else if fmt.Sprintf("%x", got) != text {
			t.Errorf("%s at %#x is not what drgn reads", what, addr)
		}
		compared[what]++
	}
	t.Logf("drgn read the same: %v", compared)
	if len(compared) != 6 || compared["stack"] < 10 {
		t.Errorf("compared %v", slices.Sorted(maps.Keys(compared)))
	}
}
