// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
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

// TestShrunk cuts a file off that is in use. Reading it is an error then, no fault.
func TestShrunk(t *testing.T) {
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
				t.Skip("files are not mapped here")
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
