// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// captures returns the reports in testdata: name without extension -> text.
func captures(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/reports/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	m := make(map[string][]byte)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m[strings.TrimSuffix(name, ".txt")] = text
	}
	return m
}

// golden compares with what a file has as JSON; with -update it writes the file first.
func golden[T any](t *testing.T, name string, got T) {
	t.Helper()
	if *update {
		out, err := json.MarshalIndent(got, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var want T
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestParseCaptures(t *testing.T) {
	for name, text := range captures(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			got, err := Parse(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", got)
			if n := strings.Count(string(text), "unreferenced object"); len(got) != n {
				t.Errorf("%d leaks, the text has %d headers", len(got), n)
			}
		})
	}
}

// tutorialReport has lost its indentation and has padded addresses.
const tutorialReport = `unreferenced object 0xf7a3c000 (size 512):
comm "modprobe", pid 2210, jiffies 871203 (age 95.004s)
hex dump (first 32 bytes):
d0 0f 00 00 01 12 00 00 10 10 00 00 01 12 00 00 ................
48 49 21 20 01 12 00 00 7e 7f 00 00 01 12 00 00 HI! ....~.......
backtrace:
[< c10a8101>] create_object+0x110/0x1d0
[< c10a44b9>] vmalloc+0x1c/0x1e
[< f8055021>] lose+0x21/0x23 [lossy]
[< f8058012>] 0xf8058012
[< c1001226>] do_one_initcall+0x71/0x113
[< ffffffff>] 0xffffffff
`

func ptr[T any](v T) *T { return &v }

func TestParseErrors(t *testing.T) {
	const (
		header = "unreferenced object 0xffff888101a2b3c0 (size 32):\n"
		comm   = "  comm \"insmod\", pid 776, jiffies 4294682844\n"
		dump   = "  hex dump (first 32 bytes):\n"
		row    = "    61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61  aaaaaaaaaaaaaaaa\n"
		trace  = "  backtrace (crc 5):\n"
		frame  = "    foo+0x1/0x2\n"
		whole  = header + comm + trace + frame
	)
	tests := []struct {
		name, text string
		leaks      int // with the one that is damaged
		line       int
		errText    string
	}{
		{"prose", "hello\n", 0, 1, "hello"},
		{"prose after a record", whole + "  hello world\n", 1, 5, "  hello world"},
		{"one word at the depth of a header line", whole + "  hello\n", 1, 5, "  hello"},
		{"record after an unknown line", whole + "hello:\n" + whole, 1, 5, "hello:"},
		{"unknown kind of object", whole + "unreferenced object (blob) 0xffff888101a2b3c0 (size 32):\n", 1, 5, "unreferenced object (blob) 0xffff888101a2b3c0 (size 32):"},
		{"more in the header", "unreferenced object 0xffff888101a2b3c0 (size 32): x\n", 0, 1, "unreferenced object 0xffff888101a2b3c0 (size 32): x"},
		{"size too large", "unreferenced object 0xffff888101a2b3c0 (size 18446744073709551616):\n", 0, 1, "unreferenced object 0xffff888101a2b3c0 (size 18446744073709551616):"},
		{"header only", header, 1, 1, ""},
		{"no comm", header + trace, 1, 2, "  backtrace (crc 5):"},
		{"comm with more", header + "  comm \"insmod\", pid 776, jiffies 4294682844, cpu 1\n" + trace, 1, 2, "  comm \"insmod\", pid 776, jiffies 4294682844, cpu 1"},
		{"comm never ends", header + "  comm \"x\n  y\n" + strings.Repeat(whole, 2), 1, 2, "  comm \"x"},
		{"comm too long", header + "  comm \"" + strings.Repeat("x", 64) + "\", pid 1, jiffies 2\n", 1, 2, "  comm \"" + strings.Repeat("x", 64) + "\", pid 1, jiffies 2"},
		{"pid too large", header + "  comm \"x\", pid 2147483648, jiffies 2\n", 1, 2, "  comm \"x\", pid 2147483648, jiffies 2"},
		{"new line after comm", header + comm + "  cpu 3\n" + trace, 1, 3, "  cpu 3"},
		{"hex dump cut", header + comm + dump + row + trace, 1, 5, "  backtrace (crc 5):"},
		{"hex row too short", header + comm + dump + row + "    61 61\n" + trace, 1, 5, "    61 61"},
		{"hex dump too long", header + comm + dump + row + row + row + trace, 1, 6, strings.TrimSuffix(row, "\n")},
		{"hex dump of a gigabyte", header + comm + "  hex dump (first 1073741824 bytes):\n" + row, 1, 3, "  hex dump (first 1073741824 bytes):"},
		{"crc too long", header + comm + "  backtrace (crc 123456789):\n", 1, 3, "  backtrace (crc 123456789):"},
		{"dmesg line", header + comm + trace + "    ... and 9 more object(s) with the same backtrace\n", 1, 4, "    ... and 9 more object(s) with the same backtrace"},
		{"frame with more", header + comm + trace + "    foo+0x1/0x2 [bar] baz\n", 1, 4, "    foo+0x1/0x2 [bar] baz"},
		{"frame cut", header + comm + trace + frame + "    foo+0x1/", 1, 5, "    foo+0x1/"},
		{"size cut off", header + comm + trace + frame + "    foo+0x16/0x2", 1, 5, "    foo+0x16/0x2"},
		{"name cut", header + comm + trace + frame + "    bar_ini", 1, 5, "    bar_ini"},
		{"cut before the size", header + comm + trace + frame + "    bar+0x1", 1, 5, "    bar+0x1"},
		{"address cut", header + comm + trace + frame + "    0xffffffffc0a01", 1, 5, "    0xffffffffc0a01"},
		{"address cut, after a longer one", strings.Replace(header, "object", "object (percpu)", 1) + comm + trace + "    0xffffffffc0a015e4\n    0xffffffffc0a01", 1, 5, "    0xffffffffc0a01"},
		{"module cut", header + comm + trace + frame + "    bar+0x1/0x2 [ba", 1, 5, "    bar+0x1/0x2 [ba"},
		{"module cut off", whole + header + comm + trace + "    bar+0x1/0x2 [baz]\n    bar+0x1/0x2", 2, 9, "    bar+0x1/0x2"},
		{"cut before the module", header + comm + trace + frame + "    bar+0x1/0x2 ", 1, 5, "    bar+0x1/0x2 "},
		{"size cut, seen before", header + comm + trace + "    bar+0x1/0x20\n    bar+0x1/0x2", 1, 5, "    bar+0x1/0x2"},
		{"cut after backtrace", whole + header + comm + "  backtrace (crc 5):", 2, 7, "  backtrace (crc 5):"},
		{"word at the depth of a frame", whole + "    freed\n", 1, 5, "    freed"},
		{"word instead of a frame", header + comm + trace + "    freed\n", 1, 4, "    freed"},
		{"source position", whole + "    source drivers/x.c:12\n", 1, 5, "    source drivers/x.c:12"},
		{"source position instead of a frame", header + comm + trace + "    source drivers/x.c:12\n", 1, 4, "    source drivers/x.c:12"},
		{"name without size", whole + "    parent+0x10\n", 1, 5, "    parent+0x10"},
		{"name without size before others", header + comm + trace + "    parent+0x10\n" + frame, 1, 5, "    foo+0x1/0x2"},
		{"address at the depth of a header line", whole + "  0xffff888101a2b3c0\n", 1, 5, "  0xffff888101a2b3c0"},
		{"frame at the depth of a header line", whole + "  parent+0x1/0x2\n", 1, 5, "  parent+0x1/0x2"},
		{"address instead of frames", header + comm + trace + "  0xffff888101a2b3c0\n", 1, 4, "  0xffff888101a2b3c0"},
		{"name and number instead of frames", header + comm + trace + "  parent+0x10\n", 1, 4, "  parent+0x10"},
		{"address without brackets among others", header + comm + trace + "    [<00000000cd474082>] foo+0x1/0x2\n    0xffff888101a2b3c0\n", 1, 5, "    0xffff888101a2b3c0"},
		{"offset beyond the size", whole + "    bar+0x3/0x2\n", 1, 5, "    bar+0x3/0x2"},
		{"too many bytes in a row", header + comm + dump + row + strings.Replace(row, "  a", " 11 22  a", 1) + trace, 1, 5, "    61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 11 22  aaaaaaaaaaaaaaaa"},
		{"too many bytes in a short row", header + comm + "  hex dump (first 2 bytes):\n    61 62 63      abc\n" + trace, 1, 4, "    61 62 63      abc"},
		{"endless equal frames", header + comm + trace + strings.Repeat(frame, maxDepth+1), 1, 4 + maxDepth, strings.TrimSuffix(frame, "\n")},
		{"long line", whole + strings.Repeat("a ", 1<<20) + "\n", 1, 5, strings.Repeat("a ", 100) + "..."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaks, err := Parse(strings.NewReader(tt.text))
			var pe *ParseError
			if !errors.As(err, &pe) || !errors.Is(err, ErrFormat) {
				t.Fatalf("error %v, want a ParseError that wraps ErrFormat", err)
			}
			got := struct {
				leaks, line int
				text        string
			}{len(leaks), pe.Line, pe.Text}
			want := got
			want.leaks, want.line, want.text = tt.leaks, tt.line, tt.errText
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if len(leaks) > 0 && (leaks[0].Addr != 0xffff888101a2b3c0 || leaks[0].Size != 32) {
				t.Errorf("first leak is %v", leaks[0])
			}
		})
	}
}

// What people do to a report without changing what it says.
func TestParseComplete(t *testing.T) {
	const (
		head   = "unreferenced object 0xffff888101a2b3c0 (size 32):\n  comm \"insmod\", pid 776, jiffies 4294682844\n"
		trace  = "  backtrace (crc 5):\n"
		frames = "    bar+0x1/0x2 [baz]\n    foo+0x2/0x2\n"
	)
	tests := []struct {
		name, text string
		frames     int
	}{
		{"frame", head + trace + "    bar+0x1/0x2 [baz]\n    foo+0x2/0x2", 2},
		{"equal frames", head + trace + "    foo+0x2/0x2\n    foo+0x2/0x2", 2},
		{"module", head + trace + frames + "    bar+0x1/0x2 [baz]", 3},
		{"address", head + trace + "    bar+0x1/0x2 [baz]\n    0xffffffffc0a015e4", 2},
		{"address of 32 bits", strings.Replace(head, "ffff8881", "", 1) + trace + "    [<f8058012>] 0xf8058012", 1},
		{"null", head + trace + "    [<          (null)>]           (null)", 1},
		{"decoded", head + trace + "    bar (a.c:1 b.c:2) baz\n    kzalloc include/linux/slab.h:1094 [inline]\n" + frames + "    foo+0x1/0x2 a.c:12", 5},
		{"decoded with list", head + trace + frames + "    foo (a.c:12)", 3},
		{"no sizes", head + trace + "    foo+0x1\n    bar+0x10 [baz]\n", 2},
		{"no indentation", strings.ReplaceAll(head+trace+"0xffffffffc0a015e4\n"+frames, "  ", ""), 3},
		{"more indentation", strings.ReplaceAll(head+trace+frames, "  ", "\t"), 2},
		{"blank line at the end", head + trace + frames + "  ", 2},
		{"characters like bytes", head + "  hex dump (first 9 bytes):\n    31 31 20 32 32 00 20 20 41 11 22. A\n" + trace + frames, 2},
		{"no characters", head + "  hex dump (first 2 bytes):\n    31 31\n" + trace + frames, 2},
	}
	for _, tt := range tests {
		leaks, err := Parse(strings.NewReader(tt.text))
		if err != nil || len(leaks) != 1 || len(leaks[0].Backtrace) != tt.frames {
			t.Errorf("%s: %v, %v", tt.name, leaks, err)
		}
	}
}

// The reader's own error comes back, with what was read before it.
func TestParseReadError(t *testing.T) {
	const text = "unreferenced object 0xffff888101a2b3c0 (size 32):\n" +
		"  comm \"insmod\", pid 776, jiffies 4294682844\n" +
		"  backtrace:\n" +
		"    foo+0x1/0x2\n"
	broken := errors.New("broken")
	for n := range len(text) + 1 {
		leaks, err := Parse(io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(broken)))
		var pe *ParseError
		if !errors.Is(err, broken) && !errors.As(err, &pe) {
			t.Errorf("after %d bytes: error %v", n, err)
		}
		if want := strings.Count(text[:n], "):"); len(leaks) != want {
			t.Errorf("after %d bytes: %d leaks, want %d", n, len(leaks), want)
		}
	}
}

// Breaking off early reads no further.
func TestLeaksBreak(t *testing.T) {
	text := captures(t)["testdata/reports/hello_kernel-6.12-x86_64"]
	n := 0
	for l, err := range ParseSeq(bytes.NewReader(text)) {
		if err != nil || l.Addr == 0 {
			t.Fatalf("%v, %v", l, err)
		}
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d leaks before the break", n)
	}
}
