// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package kobj

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func unzstd(packed []byte, newReader func(io.Reader) (io.ReadCloser, error)) ([]byte, error) {
	r, err := newReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 1<<22))
}

// Programs for initramfs unpack what others do.
func TestNewSectionReader(t *testing.T) {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil || len(program) > 1<<22 {
		program = program[:min(len(program), 1<<21)]
	}
	skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3}
	for name, data := range map[string][]byte{"nothing": {}, "short": []byte("kmemleak"), "repeated": bytes.Repeat([]byte("0123456789"), 1e5), "program": program} {
		for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault, zstd.SpeedBestCompression} {
			e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level))
			if err != nil {
				t.Fatal(err)
			}
			frame := e.EncodeAll(data, nil)
			half := len(data) / 2
			for form, packed := range map[string][]byte{
				"one":     frame,
				"two":     append(e.EncodeAll(data[:half], nil), e.EncodeAll(data[half:], nil)...),
				"skipped": append(append(bytes.Clone(skippable), frame...), skippable...),
			} {
				got, err := unzstd(packed, newSectionReader)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s, level %v, %s: %d of %d bytes, error %v", name, level, form, len(got), len(data), err)
				}
				if len(data) == 0 {
					continue
				}
				if got, err := unzstd(packed[:len(frame)-1], newSectionReader); err == nil && form == "one" {
					t.Errorf("%s, level %v, cut: %d bytes, no error", name, level, len(got))
				}
			}
		}
	}
}

func FuzzNewSectionReader(f *testing.F) {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.EncodeAll([]byte("kmemleak kmemleak"), nil))
	f.Add(zstdRaw([]byte("raw")))
	f.Fuzz(func(t *testing.T, packed []byte) {
		got, err := unzstd(packed, newSectionReader)
		want, fastErr := unzstd(packed, fastZstd)
		if err == nil && fastErr == nil && !bytes.Equal(got, want) {
			t.Errorf("%x: %x, want %x", packed, got, want)
		}
	})
}
