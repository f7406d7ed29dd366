// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"bytes"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/kmemleak/kmemleak/internal/need"
)

var update = flag.Bool("update", false, "pack testdata/riscv.xz anew, which takes xz 5.6")

// opcodes are the bytes by which filters know instructions, as they lie in memory. A *
// stands for any byte.
var opcodes = []string{
	"\xe8", "\xe9", "\xe8\xe8", "\xe8***\x00", "\xe9***\xff", "\xe8\xe9**\xff\x00", // x86
	"\x48**\x01", "\x4b**\x05", // PowerPC
	"***\xeb", "\x00\xf0\x00\xf8", "*\xf7*\xff", // ARM and Thumb
	"***\x94", "***\x97", "*\x00\x00\x90", "*\xff\xff\xf0", // ARM64
	"\x40\x00**", "\x7f\xff**", // SPARC
	"\xef\x00**", "\xef\x02**", "\x97\x00**\xe7\x80**", "\x17\x05**\x13\x05\x05*", "\x17\x31**", "\x17\x31*\x30****", "\x97\x00**\x82\x80", // RISC-V
}

// code returns bytes in which every filter finds much to do: random ones and opcodes,
// near each other and far.
func code(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for len(b) < n {
		for range r.IntN(4) * r.IntN(4) {
			b = append(b, byte(r.Uint32()))
		}
		for len(b)%4 != 0 && r.IntN(3) > 0 {
			b = append(b, 0)
		}
		for range r.IntN(20) { // of x86, near each other, and what may be their distance
			b = append(b, "\xe8\x00\xff\x12"[r.IntN(4)])
		}
		if r.IntN(4) == 0 {
			b = append(b, make([]byte, -len(b)&15)...)
			b = append(b, bundle(r)...)
		}
		for _, c := range []byte(opcodes[r.IntN(len(opcodes))]) {
			if c == '*' {
				c = byte(r.Uint32())
			}
			b = append(b, c)
		}
	}
	return b[:n]
}

// bundle returns a bundle of IA-64 of any template, with br.call in all slots.
func bundle(r *rand.Rand) []byte {
	b := make([]byte, 16)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	for slot := range 3 {
		for bit, want := range map[int]byte{9: 0, 10: 0, 11: 0, 37: 1, 38: 0, 39: 1, 40: 0} {
			at := 5 + 41*slot + bit
			b[at/8] = b[at/8]&^(1<<(at%8)) | want<<(at%8)
		}
	}
	return b
}

// TestXZFilters unpacks what xz has filtered, in one go and byte by byte.
func TestXZFilters(t *testing.T) {
	need.Tools(t, "xz-utils", "xz")
	module, err := os.ReadFile("../../testdata/modules/arches/riscv64-dwarf5.ko")
	if err != nil {
		t.Fatal(err)
	}
	all := append(code(30_001), module...)
	for _, filters := range []string{
		"", "--x86", "--x86=start=4096", "--powerpc", "--powerpc=start=4", "--ia64", "--ia64=start=16", "--arm", "--arm=start=8",
		"--armthumb", "--armthumb=start=2", "--arm64", "--arm64=start=3221225472", "--sparc", "--sparc=start=4294967292", "--riscv", "--riscv=start=2",
		"--delta", "--delta=dist=4", "--delta=dist=256", "--x86 --delta=dist=3 --arm64", "--arm64 --armthumb --x86",
	} {
		if strings.HasPrefix(filters, "--riscv") && exec.Command("xz", "--riscv", "--version").Run() != nil {
			continue // an xz before 5.6
		}
		for _, n := range []int{len(all), 0, 1, 7, 8, 17} {
			args := append(strings.Fields(filters), "--lzma2=preset=1", "-c")
			checkXZ(t, filters, pack(t, all[:n], "xz", args...), all[:n])
		}
	}
}

// checkXZ checks what unpacks to want.
func checkXZ(t *testing.T, name string, packed, want []byte) {
	t.Helper()
	for _, reader := range []func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r },
		iotest.OneByteReader, iotest.HalfReader,
	} {
		r, err := newXZReader(bytes.NewReader(packed), int64(len(want))+1)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(reader(r))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(want))
		}
	}
}

// TestXZFilterRISCV unpacks a file of xz 5.8: older ones do not have this filter.
func TestXZFilterRISCV(t *testing.T) {
	golden := filepath.Join("testdata", "riscv.xz")
	want := code(8_001)
	if *update {
		if err := os.WriteFile(golden, pack(t, want, "xz", "--riscv=start=1024", "--lzma2", "-c"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	checkXZ(t, golden, packed, want)
}

// TestParseFilters wants an error for every list that is not whole or not known.
func TestParseFilters(t *testing.T) {
	lzma2, delta := "\x21\x01\x16", "\x03\x01\x00"
	for _, tt := range []struct {
		name  string
		flags byte
		list  string
		want  string // "" if it is good
	}{
		{"LZMA2", 0, lzma2 + "\x00\x00", ""},
		{"four", 3, delta + "\x04\x00" + "\x07\x04\x04\x00\x00\x00" + lzma2, ""},
		{"no list", 0, "", "xz filters"},
		{"fewer than announced", 1, delta, "xz filters"},
		{"number cut off", 0, "\xff\xff", "xz filters"},
		{"properties cut off", 0, "\x21\x02\x16", "xz filters"},
		{"properties of any length", 0, "\x21\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "xz filters"},
		{"flags of the future", 4, lzma2, "flags 0x4"},
		{"LZMA2 first", 1, lzma2 + lzma2, "xz filter 0x21: unsupported"},
		{"LZMA2 not last", 0, delta, "xz filter 0x3 as the last"},
		{"window of LZMA2", 0, "\x21\x01\x29", "LZMA2 with the properties 29"},
		{"filter of the future", 1, "\x0c\x00" + lzma2, "xz filter 0xc: unsupported"},
		{"delta without distance", 1, "\x03\x00" + lzma2, "delta"},
		{"start of two bytes", 1, "\x04\x02\x00\x00" + lzma2, "filter 0x4 with the properties 0000"},
		{"start inside of an instruction", 1, "\x07\x04\x02\x00\x00\x00" + lzma2, "filter 0x7 with the properties 02000000"},
	} {
		_, filters, err := parseFilters(tt.flags, []byte(tt.list))
		if tt.want == "" {
			if err != nil || len(filters) != int(tt.flags) {
				t.Errorf("%s: %d filters, %v", tt.name, len(filters), err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
