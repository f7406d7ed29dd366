// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTruncated cuts off the end of dumps: none is opened as if it were whole, except where
// only bytes that mean nothing are missing.
func TestTruncated(t *testing.T) {
	d, symbols := realDump(t, "6.1-x86_64-qemu", 4096)
	files := map[string][]byte{
		"ELF":            d.elf(),
		"kdump":          d.kdump(packings["zlib"]),
		"flattened ELF":  flatten(d.elf(), 4096),
		"flattened zlib": flatten(d.kdump(packings["zlib"]), 4096),
	}
	for name, b := range files {
		t.Run(name, func(t *testing.T) {
			for n := 0; n < len(b); n += max(1, len(b)/400) {
				m, err := openBytes(t, b[:n])
				if err == nil {
					_, err = facts(m, symbols)
					err = errors.Join(err, m.Scan(context.Background(), func(uint64, []byte) {}))
				}
				if !errors.Is(err, ErrTruncated) && (n > 464 || !errors.Is(err, ErrFormat)) {
					t.Fatalf("%d of %d bytes: %v", n, len(b), err)
				}
			}
		})
	}
}

// TestTruncatedInUse cuts a file off that is in use. Reading it is an error then, no fault.
func TestTruncatedInUse(t *testing.T) {
	d, _ := realDump(t, "6.1-x86_64-qemu", 4096)
	for name, b := range map[string][]byte{"ELF": d.elf(), "kdump": d.kdump(packings["plain"])} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dump")
			if err := os.WriteFile(path, b, 0o666); err != nil {
				t.Fatal(err)
			}
			m, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if err := os.Truncate(path, 4096); err != nil {
				t.Skip("files are not mapped here (try: on Linux)")
			}
			addrs := d.addrs()
			last := addrs[len(addrs)-1]
			if err := m.ReadPhys(make([]byte, 8), last); !errors.Is(err, ErrTruncated) {
				t.Errorf("ReadPhys: %v", err)
			}
			if err := m.Scan(context.Background(), func(uint64, []byte) {}); !errors.Is(err, ErrTruncated) {
				t.Errorf("Scan: %v", err)
			}
		})
	}
}

// TestUnmapped reads files by system calls, as on systems that cannot map them.
func TestUnmapped(t *testing.T) {
	d, symbols := realDump(t, "6.1-x86_64-qemu", smallestPage)
	for name, b := range map[string][]byte{
		"ELF":                    d.elf(),
		"kdump":                  d.kdump(packings["zlib"]),
		"flattened":              flatten(d.kdump(packings["zlib"]), 5000),
		"flattened, small parts": flatten(d.elf(), 100),
	} {
		t.Run(name, func(t *testing.T) {
			mapped, err := openBytes(t, b)
			if err != nil {
				t.Fatal(err)
			}
			want, err := facts(mapped, symbols)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "dump")
			if err := os.WriteFile(path, b, 0o666); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			m, err := open(&file{f: f, name: path, size: int64(len(b))})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			got, err := facts(m, symbols)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(scanAll(t, mapped), scanAll(t, m)); diff != "" {
				t.Errorf("pages (-want +got)\n%s", diff)
			}
		})
	}
}

// TestAlone reads a file that is open twice, many times at once, and closes it.
func TestAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &file{name: name, size: -1, alone: make(chan *os.File, 3)}
	var opened []*os.File
	for range 2 { // the third time it could not be opened
		o, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, o)
		f.alone <- o
	}
	f.f = opened[0]
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			p := make([]byte, 2)
			if err := f.readAt(p, int64(i)); err != nil || p[0] != '0'+byte(i) {
				t.Errorf("at %d: %q, %v", i, p, err)
			}
		})
	}
	wg.Wait()
	if err := f.close(); err != nil {
		t.Error(err)
	}
	for i, o := range opened {
		if err := o.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("file %d was left open: %v", i, err)
		}
	}
}
