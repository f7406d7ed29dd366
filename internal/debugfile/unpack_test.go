// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// pack packs bytes with a program.
func pack(t testing.TB, b []byte, name string, args ...string) []byte {
	t.Helper()
	need.Tools(t, "xz-utils zstd", "xz", "zstd", "gzip")
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}

// unpackBytes unpacks bytes that may be packed.
func unpackBytes(b []byte) ([]byte, error) {
	return unpacked(bytes.NewReader(b), Unpacker(b), int64(len(b)))
}

// What a user names must be an object file, packed or not, or a folder.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"empty": "", "short": "\x7fE", "script": "#!/bin/sh\n", "packed": "\x1f\x8b\x08\x00\x00\x00", "image": "MZ\xea\x07\x00\xc0"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got := make(map[string]string)
	for _, path := range []string{hello, dir, filepath.Join(dir, "empty"), filepath.Join(dir, "short"), filepath.Join(dir, "script"),
		filepath.Join(dir, "packed"), filepath.Join(dir, "image"), filepath.Join(dir, "none")} {
		if err := Check(path); err != nil {
			text, _, _ := strings.Cut(strings.ReplaceAll(err.Error(), dir, ""), " (")
			got[filepath.Base(path)] = text
		}
	}
	want := map[string]string{"empty": "/empty is no object file", "short": "/short is no object file", "script": "/script is no object file", "image": "/image is no object file"}
	if runtime.GOOS == "linux" {
		want["none"] = "stat /none: no such file or directory"
		if err := Check(os.DevNull); err == nil {
			t.Error("a device is taken for an object file")
		}
	} else {
		delete(got, "none")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnpack unpacks the output of packing programs, in all forms that the kernel's
// build and people use.
func TestUnpack(t *testing.T) {
	want, err := os.ReadFile(hello)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{
		"gzip -c", "gzip -9nc",
		"zstd -c", "zstd -T0 --rm -f -q -19 -c", "zstd --long=26 -c", "zstd --no-check -c",
		"xz -c", "xz --check=crc32 --lzma2=dict=1MiB -c", "xz --check=crc32 --lzma2=dict=2MiB -c", "xz --check=none -c",
		"xz -9e -c", "xz --check=sha256 -c", "xz --check=sha256 --block-size=4096 -c", "xz --block-size=4096 -c", "xz -T2 --block-size=10000 -c",
		"xz --x86 --lzma2=dict=1MiB --check=crc32 -c", "xz --delta=dist=8 --x86 --lzma2 --block-size=5000 -c",
	} {
		args := strings.Fields(command)
		got, err := unpackBytes(pack(t, want, args[0], args[1:]...))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v, want %d", command, len(got), err, len(want))
		}
	}
}

// TestUnpackRefuses wants errors for damaged data and for data that would take too much
// memory.
func TestUnpackRefuses(t *testing.T) {
	module, err := os.ReadFile(hello)
	if err != nil {
		t.Fatal(err)
	}
	zeros := append([]byte(elf.ELFMAG), make([]byte, 8<<20)...)
	xz := pack(t, module, "xz", "-c")
	flipped := bytes.Clone(xz)
	flipped[len(flipped)/2] ^= 1
	tests := []struct {
		name, want string
		packed     []byte
	}{
		{"gzip of zeros", "more than 64 times", pack(t, zeros, "gzip", "-9c")},
		{"xz of zeros", "more than 64 times", pack(t, zeros, "xz", "-c")},
		{"zstd of zeros", "more than 64 times", pack(t, zeros, "zstd", "-c")},
		{"gzip of no object", "no ELF file is packed", pack(t, zeros[4:], "gzip", "-9c")},
		{"xz with a large window", "xz window of 1073741824 bytes", pack(t, module, "xz", "--lzma2=dict=1GiB", "-c")},
		{"zstd with a large window", "window size exceeded", pack(t, module, "zstd", "--ultra", "-22", "-c")},
		{"xz, a bit flipped", "", flipped},
		{"xz, cut off", "unexpected EOF", xz[:len(xz)/2]},
		{"xz, header only", "EOF", xz[:12]},
		{"gzip, cut off", "unexpected EOF", pack(t, module, "gzip", "-c")[:1000]},
		{"zstd, cut off", "unexpected EOF", pack(t, module, "zstd", "-c")[:1000]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := unpackBytes(tt.packed)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%d bytes, error %v, want %q", len(got), err, tt.want)
			}
		})
	}
}

// tinyBlocks returns an .xz file of n blocks of four bytes, each with a window of 64
// MiB.
func tinyBlocks(n int) []byte {
	head := []byte{2, 0, 0x21, 1, 28, 0, 0, 0}
	head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(head))
	chunk := []byte{1, 0, 3, 0x7f, 'E', 'L', 'F', 0} // not packed; the end
	b := append(xzMagic[:6:6], 0, 0)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[6:8]))
	return append(append(b, bytes.Repeat(append(head, chunk...), n)...), 0)
}

// tinyFrames returns a .zst file of n frames of four bytes, each with a window of 64
// MiB.
func tinyFrames(n int) []byte {
	return bytes.Repeat([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 16 << 3, 1 | 4<<3, 0, 0, 0x7f, 'E', 'L', 'F'}, n)
}

// TestUnpackManyWindows checks that memory depends on the unpacked size, not on the
// windows that the file announces.
func TestUnpackManyWindows(t *testing.T) {
	want := strings.Repeat(elf.ELFMAG, 3)
	if got, err := unpackBytes(tinyBlocks(3)); err != nil || string(got) != want {
		t.Fatalf("xz: %q, %v", got, err)
	}
	if got, err := unpackBytes(tinyFrames(3)); err != nil || string(got) != want {
		t.Fatalf("zstd: %q, %v", got, err)
	}
	for name, b := range map[string][]byte{"xz": tinyBlocks(50_000), "zstd": tinyFrames(50_000)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := unpackBytes(b)
		runtime.ReadMemStats(&after)
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(maxWindows+256<<20); got > most {
			t.Errorf("%s: %d bytes allocated, more than %d (%v)", name, got, most, err)
		}
	}
}

// TestUnpackLarge unpacks more than is unpacked in one go, and checks that data that is
// too large takes no memory.
func TestUnpackLarge(t *testing.T) {
	large := append([]byte(elf.ELFMAG), make([]byte, 3*small)...)
	for i := 0; i < len(large); i += 50 {
		large[i] ^= byte(i * i >> 8)
	}
	copy(large, elf.ELFMAG)
	if got, err := unpackBytes(pack(t, large, "gzip", "-1c")); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	bomb := pack(t, append([]byte(elf.ELFMAG), make([]byte, 128<<20)...), "gzip", "-9c")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := unpackBytes(bomb)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; err == nil || got > 32<<20 {
		t.Errorf("%d bytes allocated, %v", got, err)
	}
}

func FuzzUnpack(f *testing.F) {
	small := bytes.Repeat([]byte(elf.ELFMAG+" kernel object "), 20)
	f.Add(pack(f, small, "gzip", "-c"))
	f.Add(pack(f, small, "zstd", "-c"))
	f.Add(pack(f, small, "xz", "-c"))
	f.Add(pack(f, small, "xz", "--block-size=64", "--check=crc32", "-c"))
	for _, filter := range []string{"--x86", "--powerpc", "--ia64", "--arm", "--armthumb", "--arm64", "--sparc", "--delta"} {
		f.Add(pack(f, small, "xz", filter, "--lzma2", "-c"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if Unpacker(b) == nil {
			return
		}
		got, err := unpackBytes(b)
		if err == nil && len(got) > maxUnpacked*len(b)+4096 {
			t.Errorf("%d bytes of %d", len(got), len(b))
		}
	})
}

// TestUnpackedAgain checks that a file is unpacked only once, as long as nobody writes
// to it.
func TestUnpackedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ko.gz")
	var f Finder
	for _, name := range []string{"module", "other"} {
		b, err := os.ReadFile(piece(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, pack(t, b, "gzip", "-c"), 0o644); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			file, err := f.open(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := file.BuildID(); got != idOf(t, name) {
				t.Errorf("%s: build ID %s", name, got)
			}
			_ = file.Close()
		}
	}
	if len(f.unpacked.files) != 2 || f.unpacked.size > maxKept {
		t.Errorf("%d files of %d bytes kept", len(f.unpacked.files), f.unpacked.size)
	}
}

// TestXZStreams unpacks files of several streams, with padding between them, and what is
// behind the last one.
func TestXZStreams(t *testing.T) {
	need.Tools(t, "xz-utils", "xz")
	b, err := os.ReadFile(hello)
	if err != nil {
		t.Fatal(err)
	}
	half := len(b) / 2
	first := pack(t, b[:half], "xz", "--check=sha256", "--block-size=1000", "-c")
	second, none := pack(t, b[half:], "xz", "--check=none", "-c"), pack(t, nil, "xz", "-c")
	zeros := make([]byte, 8)
	flipped := bytes.Clone(first)
	flipped[len(flipped)/2] ^= 1
	for _, tt := range []struct {
		name   string
		pieces [][]byte
		want   []byte
		ok     bool
	}{
		{"two", [][]byte{first, second}, b, true},
		{"with padding", [][]byte{first, zeros, second, zeros}, b, true},
		{"with an empty one", [][]byte{none, first, none, second}, b, true},
		{"something else behind", [][]byte{first, second, []byte("module")}, b, true},
		{"index cut off", [][]byte{first, second[:len(second)-14]}, b, true},
		{"second cut off", [][]byte{first, second[:len(second)/2]}, nil, false},
		{"header of the second cut off", [][]byte{first, second[:8]}, nil, false},
		{"first flipped", [][]byte{flipped, second}, nil, false},
	} {
		r, err := newXZReader(bytes.NewReader(bytes.Join(tt.pieces, nil)), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if (err == nil) != tt.ok || tt.ok && !bytes.Equal(got, tt.want) {
			t.Errorf("%s: %d bytes, %v; want %d", tt.name, len(got), err, len(tt.want))
		}
	}
}
