// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak/internal/need"
)

// runningSymbols returns the addresses of the running kernel's symbols.
func runningSymbols(t *testing.T) map[string]uint64 {
	t.Helper()
	b, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]uint64)
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 3 { // of no module
			all[f[2]], _ = strconv.ParseUint(f[0], 16, 64)
		}
	}
	return all
}

// TestIntegrationLive reads the memory of the running kernel, and compares it with what the
// kernel says in other ways.
func TestIntegrationLive(t *testing.T) {
	kernel := need.Kernel(t, "")
	m, err := Live()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	symbols := runningSymbols(t)
	got, err := facts(m, symbols)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %+v", kernel, got)
	version, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(version), got.Banner[:100]) || got.Offset != "0x0" || got.System != "Linux" || !got.LinearReads {
		t.Errorf("%+v; /proc/version has %s", got, version)
	}
	notes, err := os.ReadFile("/sys/kernel/notes")
	if err != nil {
		t.Fatal(err)
	}
	if want := gnuBuildID(parseNotes(notes, binary.LittleEndian)); got.BuildID != want || want == "" {
		t.Errorf("build ID %s, /sys/kernel/notes has %s", got.BuildID, want)
	}
	compareText(t, m, symbols)
	compareTogether(t, m, symbols)
	findOwnPage(t, m)
	var absent *AbsentError
	if err := m.ReadAt(make([]byte, 8), 16); !errors.As(err, &absent) {
		t.Errorf("reading at 16: %v", err)
	}
}

// compareText reads the kernel's code, directly and in the linear map.
func compareText(t *testing.T, m *Image, symbols map[string]uint64) {
	t.Helper()
	const page = 4096
	start, end := symbols["_stext"], symbols["_etext"]
	compared := 0
	for at := start &^ (page - 1); at < end; at += 64 * page {
		direct, linear := make([]byte, page), make([]byte, page)
		if err := m.ReadAt(direct, at); err != nil {
			t.Errorf("%#x: %v", at, err)
			return
		}
		phys, err := m.Translate(at)
		if err != nil {
			t.Errorf("%#x: %v", at, err)
			return
		}
		addr, ok := m.Linear(phys)
		if !ok {
			continue
		}
		if err := m.ReadAt(linear, addr); err != nil {
			t.Errorf("%#x: %v", addr, err)
			return
		}
		compared++
		if !bytes.Equal(direct, linear) {
			t.Errorf("%#x and %#x differ", at, addr)
		}
	}
	if compared == 0 {
		t.Error("the linear map has no code")
	}
}

// compareTogether reads the kernel's code several times at once: each must get what one alone
// gets.
func compareTogether(t *testing.T, m *Image, symbols map[string]uint64) {
	t.Helper()
	const size = 1 << 20
	start := symbols["_stext"]
	alone := make([]byte, size)
	if err := m.ReadAt(alone, start); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var wrong atomic.Int64
	for range 4 {
		wg.Go(func() {
			together := make([]byte, size)
			for range 20 {
				if err := m.ReadAt(together, start); err != nil {
					t.Error(err)
				}
				for at := 0; at < size; at += smallestPage {
					if !bytes.Equal(alone[at:at+smallestPage], together[at:at+smallestPage]) {
						wrong.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d pages are not those that were read alone", n)
	}
}

// findOwnPage finds a page of this process by its content.
func findOwnPage(t *testing.T, m *Image) {
	t.Helper()
	b, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(b)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var found []uint64
	var start time.Time
	var took time.Duration
	total, same := 0, false
	// The kernel may move the page meanwhile, from what is still to be read to what was.
	for try := 0; try < 5 && !same; try++ {
		total, found, start = 0, nil, time.Now()
		if err := m.Scan(context.Background(), func(addr uint64, chunk []byte) {
			mu.Lock()
			defer mu.Unlock()
			total += len(chunk)
			for at := 0; at+4096 <= len(chunk); at += 4096 {
				if bytes.Equal(chunk[at:at+4096], b) {
					found = append(found, addr+uint64(at))
				}
			}
		}); err != nil {
			t.Error(err)
		}
		took = time.Since(start)
		// Scan's own buffers have it, too, until something else is read into them.
		for _, addr := range found {
			got := make([]byte, len(b))
			if err := m.ReadPhys(got, addr); err != nil {
				t.Errorf("%#x: %v", addr, err)
			}
			same = same || bytes.Equal(got, b)
		}
	}
	start = time.Now()
	if err := m.Scan(context.Background(), func(uint64, []byte) {}); err != nil {
		t.Error(err)
	}
	scan := time.Since(start)
	start = time.Now()
	plain := 0
	buffer := make([]byte, scanChunk)
	for _, s := range m.memory.(*kcore).core.phys {
		for at := int64(0); at < int64(s.filed); at += int64(len(buffer)) {
			n, err := m.memory.(*kcore).core.file.f.ReadAt(buffer[:min(int64(len(buffer)), int64(s.filed)-at)], s.offset+at)
			if err != nil {
				t.Fatal(err)
			}
			plain += n
		}
	}
	t.Logf("searched %d bytes in %v, scanned them in %v, read %d in %v", total, took, scan, plain, time.Since(start))
	if !same {
		t.Errorf("a page of this process was not found where it is, but at %#x", found)
	}
}

// TestIntegrationLiveLockdown asks a kernel that does not show its memory.
func TestIntegrationLiveLockdown(t *testing.T) {
	need.Kernel(t, "lockdown=confidentiality")
	_, err := Live()
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(fmt.Sprint(err), "lockdown") {
		t.Errorf("%v", err)
	}
}
