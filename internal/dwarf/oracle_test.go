// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

// answer is the result of a tool or of this package for an address, in the tool's
// terms: "function file:line" or "function file:line:column" for each frame.
type answer []string

// binutils returns the name of the addr2line that knows a machine.
func binutils(m elf.Machine) string {
	prefix := map[elf.Machine]string{
		elf.EM_AARCH64: "aarch64-linux-gnu-",
		elf.EM_ARM:     "arm-linux-gnueabi-",
		elf.EM_RISCV:   "riscv64-linux-gnu-",
		elf.EM_PPC64:   "powerpc64le-linux-gnu-",
		elf.EM_S390:    "s390x-linux-gnu-",
		elf.EM_MIPS:    "mips64-linux-gnuabi64-",
	}
	return prefix[m] + "addr2line"
}

// ask runs a tool for offsets in a section of a file; in a linked file section is ""
// and the offsets are addresses.
func ask(t *testing.T, tool, file, section string, offsets []uint64) []answer {
	t.Helper()
	args := []string{"-a", "-f", "-i", "-e", file}
	if section != "" {
		args = append(args, "-j", section)
	}
	cmd := exec.Command(tool, args...)
	var in bytes.Buffer
	for _, off := range offsets {
		fmt.Fprintf(&in, "%#x\n", off)
	}
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	// Each tool prints the address in its own way.
	answers := make([]answer, 0, len(offsets))
	name := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		switch {
		case name == "" && strings.HasPrefix(line, "0x"):
			answers = append(answers, nil)
		case name == "":
			name, _, _ = strings.Cut(line, " inlined at ")
		default:
			line, _, _ = strings.Cut(line, " (discriminator")
			file, pos, _ := strings.Cut(line, ":")
			last := &answers[len(answers)-1]
			*last = append(*last, name+" "+path.Clean(file)+":"+strings.ReplaceAll(pos, "?", "0"))
			name = ""
		}
	}
	if len(answers) != len(offsets) {
		t.Fatalf("%s %s: %d answers for %d addresses", tool, section, len(answers), len(offsets))
	}
	return answers
}

// say returns the answer of this package.
func say(d *Data, pc uint64, linkage, column bool) answer {
	loc, err := d.Lookup(pc)
	if err != nil {
		return answer{"?? ??:0"}
	}
	var a answer
	for _, f := range loc.Frames {
		name := f.Name
		if linkage && f.LinkageName != "" {
			name = f.LinkageName
		}
		if name == "" {
			name = "??"
		}
		s := fmt.Sprintf("%s %s:%d", name, f.File.joined(), f.Line)
		if column && f.Column > 0 {
			s += fmt.Sprintf(":%d", f.Column)
		}
		a = append(a, s)
	}
	return a
}

// faults are the fixtures for which a tool has no right answers, as of binutils 2.40
// and elfutils 0.188: none at all, or right lines but not all inlined calls.
var faults = []struct {
	fixture, tool string
	lines         bool // the innermost position is right
	why           string
}{
	{"clang-*", "eu-addr2line", false, "needs .debug_aranges"},
	{"x86_64-noaranges.ko", "eu-addr2line", false, "needs .debug_aranges"},
	{"split-clang-*/*", "eu-addr2line", false, "needs .debug_aranges"},
	{"mips64-*", "eu-addr2line", false, "has no relocations of MIPS"},
	{"x86_64-zstd.ko", "eu-addr2line", false, "cannot unpack zstd"},
	{"split-gcc-*/*", "eu-addr2line", true, "looks for split files in the compiler's folder only"},
	{"x86_64-lto.ko", "eu-addr2line", true, "follows no references to other units"},
	{"rust.ko", "eu-addr2line", true, "misses inlined calls"},
	{"dwz5/*", "eu-addr2line", true, "does not know .debug_sup"},
	{"clang-*-dwarf5.ko", "addr2line", true, "does not know DW_FORM_rnglistx"},
	{"split-gcc-dwarf5/*", "addr2line", false, "does not know skeleton units"},
	{"split-*/*", "addr2line", true, "does not know split files"},
	{"x86_64-dwarf64.ko", "addr2line", false, "does not know 64-bit DWARF in modules"},
	{"x86_64-zlib-gnu.ko", "addr2line", false, "does not relocate .zdebug sections"},
	{"x86_64-lto.ko", "addr2line", false, "takes the unit for the file"},
	{"dwz5/*", "addr2line", false, "does not know .debug_sup"},
	{"dwz4/*", "addr2line", true, "loses some names of the alternate file"},
}

// TestOracles compares every byte of every fixture with the addr2line of binutils
// and that of elfutils.
func TestOracles(t *testing.T) {
	need.Tools(t, "elfutils binutils", "eu-addr2line", "addr2line")
	dir := builtFixtures(t)
	for _, file := range fixtures(t, dir) {
		name := strings.TrimPrefix(file, dir+"/")
		t.Run(name, func(t *testing.T) {
			f, d := open(t, file)
			for _, tool := range []string{binutils(f.Machine), "eu-addr2line"} {
				trusted, lines := true, false
				for _, x := range faults {
					if ok, _ := path.Match(x.fixture, name); ok && strings.HasSuffix(tool, "-"+x.tool) || ok && tool == x.tool {
						trusted, lines = x.lines, x.lines
						break
					}
				}
				if !trusted {
					continue
				}
				for _, s := range text(f) {
					testSection(t, f, d, s, tool, lines)
				}
			}
		})
	}
}

func testSection(t *testing.T, f *kobj.File, d *Data, s *kobj.Section, tool string, lines bool) {
	t.Helper()
	column := tool == "eu-addr2line"
	section, base := s.Name, s.Addr
	if f.Linked() {
		section, base = "", 0
	}
	var offsets []uint64
	for i := range s.Size {
		offsets = append(offsets, s.Addr-base+i)
	}
	asked := ask(t, tool, f.Name, section, offsets)
	wrong := 0
	for i, off := range offsets {
		want := asked[i]
		got := say(d, base+off, true, column)
		if lines {
			want, got = want[:1], got[:1]
			_, pos, _ := strings.Cut(want[0], " ")
			want = answer{"?? " + pos}
			_, pos, _ = strings.Cut(got[0], " ")
			got = answer{"?? " + pos}
		}
		// Where DWARF has no line, binutils names the file of the symbol.
		if cmp.Equal(got, answer{"?? ??:0"}) && strings.HasSuffix(want[0], ".c:0") {
			continue
		}
		// The tools name the symbol where DWARF names no function.
		if len(want) == 1 && len(got) == 1 && strings.HasPrefix(got[0], "?? ") {
			_, pos, _ := strings.Cut(want[0], " ")
			want = answer{"?? " + pos}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			wrong++
			if wrong <= 3 {
				t.Errorf("%s %s+%#x (-want +got):\n%s", tool, section, off, diff)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%s %s: %d of %d bytes differ", tool, section, wrong, len(offsets))
	}
}

// TestSameAnswers compares fixtures that differ only in the form of their debugging
// information.
func TestSameAnswers(t *testing.T) {
	dir := builtFixtures(t)
	for _, x := range []struct {
		name, like string
	}{
		{"x86_64-dwarf4.ko", "x86_64.ko"},
		{"x86_64-dwarf64.ko", "x86_64.ko"},
		{"x86_64-noaranges.ko", "x86_64.ko"},
		{"x86_64-zlib.ko", "x86_64.ko"},
		{"x86_64-zlib-gnu.ko", "x86_64.ko"},
		{"x86_64-zstd.ko", "x86_64.ko"},
		{"split-gcc-dwarf4/queue.ko", "x86_64.ko"},
		{"split-gcc-dwarf5/queue.ko", "x86_64.ko"},
		{"clang-x86_64-dwarf4.ko", "clang-x86_64-dwarf5.ko"},
		{"split-clang-14-dwarf4/queue.ko", "clang-x86_64-dwarf5.ko"},
		{"split-clang-14-dwarf5/queue.ko", "clang-x86_64-dwarf5.ko"},
		{"dwz4/one.elf", "dwz5/one.elf"},
		{"arm64-dwarf4.ko", "arm64-dwarf5.ko"},
		{"riscv64-dwarf4.ko", "riscv64-dwarf5.ko"},
		{"mips64-dwarf4.ko", "mips64-dwarf5.ko"},
	} {
		t.Run(x.name, func(t *testing.T) {
			f, d := open(t, path.Join(dir, x.name))
			_, like := open(t, path.Join(dir, x.like))
			for _, s := range text(f) {
				for pc := s.Addr; pc < s.Addr+s.Size; pc++ {
					want, wantErr := like.Lookup(pc)
					got, gotErr := d.Lookup(pc)
					if diff := cmp.Diff(want, got); diff != "" || (wantErr == nil) != (gotErr == nil) {
						t.Fatalf("%s at %#x: %v, %v (-want +got):\n%s", s.Name, pc, wantErr, gotErr, diff)
					}
				}
			}
		})
	}
}
