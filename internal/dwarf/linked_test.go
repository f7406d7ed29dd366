// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	stddwarf "debug/dwarf"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// TestStandardLibrary compares linked files with debug/dwarf: every row of every
// line table, and the ranges of all functions and inlined calls.
func TestStandardLibrary(t *testing.T) {
	need.Tools(t, "gcc binutils", "gcc", "ld")
	dir := t.TempDir()
	source := filepath.Join(dir, "calls.c")
	if err := os.WriteFile(source, []byte(callsSource()), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"dwarf5":          {"gcc", "-O2", "-gdwarf-5", "-no-pie", source},
		"dwarf4":          {"gcc", "-O2", "-gdwarf-4", "-no-pie", source},
		"dwarf3 unrolled": {"gcc", "-O3", "-gdwarf-3", "-gstrict-dwarf", "-no-pie", source},
		"garbage":         {"gcc", "-O2", "-gdwarf-5", "-no-pie", "-ffunction-sections", "-Wl,--gc-sections", source},
		"module x86_64":   {"ld", "--unresolved-symbols=ignore-all", "-e", "0", filepath.Join(modules, "x86_64.ko")},
		"module clang":    {"ld", "--unresolved-symbols=ignore-all", "-e", "0", filepath.Join(modules, "clang-x86_64-dwarf5.ko")},
		"module rust":     {"ld", "--unresolved-symbols=ignore-all", "-e", "0", filepath.Join(modules, "rust.ko")},
		"module i386":     {"ld", "-m", "elf_i386", "--unresolved-symbols=ignore-all", "-e", "0", filepath.Join(modules, "i386.ko")},
	} {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(dir, "program")
			if out, err := exec.Command(args[0], append(args[1:], "-o", program)...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", args[0], err, out)
			}
			f, err := elf.Open(program)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			std, err := f.DWARF()
			if err != nil {
				t.Fatal(err)
			}
			_, d := open(t, program)
			if rows := compareLines(t, std, d); rows < 50 {
				t.Errorf("only %d rows", rows)
			}
			if entries := compareRanges(t, std, d); entries < 10 {
				t.Errorf("only %d functions", entries)
			}
		})
	}
}

// compareLines compares all rows, each at its first and last byte, with the innermost
// frame of Lookup.
func compareLines(t *testing.T, std *stddwarf.Data, d *Data) (rows int) {
	t.Helper()
	r := std.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			return rows
		}
		r.SkipChildren()
		lines, err := std.LineReader(e)
		if err != nil {
			t.Fatal(err)
		}
		if lines == nil {
			continue
		}
		comp, _ := e.Val(stddwarf.AttrCompDir).(string)
		var last, next stddwarf.LineEntry
		for {
			if err := lines.Next(&next); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			// If several rows have one address, the last one counts. Dropped code is at 0.
			if last.File != nil && !last.EndSequence && last.Address < next.Address && last.Address > 0x1000 {
				rows++
				file := last.File.Name
				if !path.IsAbs(file) {
					file = path.Join(comp, file) // package debug/dwarf does not join the paths of version 5
				}
				for _, pc := range []uint64{last.Address, next.Address - 1} {
					loc, err := d.Lookup(pc)
					if err != nil || loc.Err != nil {
						t.Fatalf("%#x: %v, %v", pc, err, loc.Err)
					}
					got := loc.Frames[0]
					if got.Line != last.Line || got.Column != last.Column || got.File.joined() != path.Clean(file) {
						t.Errorf("%#x: got %+v, want %s:%d:%d", pc, got, file, last.Line, last.Column)
					}
				}
			}
			last = next
		}
	}
}

// compareRanges compares the chain of names at the ends of every range of every
// function and inlined call with the nesting of the entries.
func compareRanges(t *testing.T, std *stddwarf.Data, d *Data) (entries int) {
	t.Helper()
	r := std.Reader()
	var chain []string // names of the open entries, "" for those without code
	for {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			return entries
		}
		if e.Tag == 0 {
			chain = chain[:len(chain)-1]
			continue
		}
		name := ""
		if e.Tag == stddwarf.TagSubprogram || e.Tag == stddwarf.TagInlinedSubroutine {
			name = standardName(t, std, e)
			ranges, err := std.Ranges(e)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range ranges {
				if x[0] < 0x1000 || x[0] >= x[1] {
					continue
				}
				entries++
				for _, pc := range []uint64{x[0], x[1] - 1} {
					loc, err := d.Lookup(pc)
					if err != nil {
						t.Fatalf("%#x: %v", pc, err)
					}
					var got []string
					for _, f := range slices.Backward(loc.Frames) {
						got = append(got, f.Name)
					}
					want := slices.DeleteFunc(append(slices.Clone(chain), name), func(s string) bool { return s == "" })
					// There may be further calls inside.
					if diff := cmp.Diff(want, got[:min(len(got), len(want))]); diff != "" {
						t.Errorf("%#x, outermost first (-want +got):\n%s", pc, diff)
					}
				}
			}
		}
		if e.Children {
			chain = append(chain, name)
		}
	}
}

func standardName(t *testing.T, std *stddwarf.Data, e *stddwarf.Entry) string {
	t.Helper()
	for range maxHops {
		if name, ok := e.Val(stddwarf.AttrName).(string); ok {
			return name
		}
		to, ok := e.Val(stddwarf.AttrAbstractOrigin).(stddwarf.Offset)
		if !ok {
			if to, ok = e.Val(stddwarf.AttrSpecification).(stddwarf.Offset); !ok {
				break
			}
		}
		r := std.Reader()
		r.Seek(to)
		var err error
		if e, err = r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Repeat("?", 2)
}
