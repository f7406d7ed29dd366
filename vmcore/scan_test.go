// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestScanDamaged scans a dump with a damaged page: all others are handed out, and the
// error tells of it.
func TestScanDamaged(t *testing.T) {
	d, _ := realDump(t, "6.1-x86_64-qemu", smallestPage)
	b := d.kdump(packings["zlib"])
	for i := range 20 {
		b[len(b)-30+i] ^= 0xff
	}
	m, err := openBytes(t, b)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	err = m.Scan(context.Background(), func(addr uint64, p []byte) { n.Add(int64(len(p))) })
	if want := int64(len(d.pages)-1) * smallestPage; !errors.Is(err, ErrFormat) || n.Load() != want {
		t.Errorf("%d bytes of %d, %v", n.Load(), want, err)
	}
}

func TestScanCancelled(t *testing.T) {
	d, _ := realDump(t, "6.1-x86_64-qemu", smallestPage)
	m, err := openBytes(t, d.elf())
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	err = m.Scan(ctx, func(uint64, []byte) { cancel(cause) })
	if !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

func TestChunks(t *testing.T) {
	got := slices.Collect(chunks(slices.Values([]Range{{scanChunk - 8, 16}, {2 * scanChunk, 2 * scanChunk}, {1 << 40, 1}})))
	want := []Range{{scanChunk - 8, 8}, {scanChunk, 8}, {2 * scanChunk, scanChunk}, {3 * scanChunk, scanChunk}, {1 << 40, 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
