// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package allocinfo

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// capture is the file of a kernel in which hello_kernel had leaked.
const capture = "testdata/allocinfo-6.12-x86_64.txt"

func TestAt(t *testing.T) {
	file, err := os.Open(capture)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	table, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	const hello = "/usr/src/kmemleak/hello_kernel/hello.c"
	for _, tt := range []struct {
		name string
		site Site
		live Live
		ok   bool
	}{
		{"kmalloc", Site{hello, 36, "hello_kernel", "greeting_alloc"}, Live{320, 5}, true},
		{"vmalloc, a page and its list", Site{hello, 29, "hello_kernel", "myfunc"}, Live{4104, 2}, true},
		{"any function", Site{hello, 36, "hello_kernel", ""}, Live{320, 5}, true},
		{"another function", Site{hello, 36, "hello_kernel", "greet"}, Live{}, false},
		{"another module", Site{hello, 36, "", "greeting_alloc"}, Live{}, false},
		{"another line", Site{hello, 35, "hello_kernel", "greeting_alloc"}, Live{}, false},
		{"a path from another folder", Site{"hello_kernel/hello.c", 36, "hello_kernel", "greeting_alloc"}, Live{320, 5}, true},
		{"a path that is not clean", Site{"/usr/src/kmemleak/x/../hello_kernel/hello.c", 36, "hello_kernel", ""}, Live{320, 5}, true},
		{"another file of the name", Site{"/usr/src/hello.c", 36, "hello_kernel", ""}, Live{}, false},
		{"the kernel, from its tree", Site{"/usr/src/linux-source-6.12/mm/util.c", 64, "", "kstrdup"}, Live{28976, 3173}, true},
		{"the kernel, from elsewhere", Site{"xmm/util.c", 64, "", "kstrdup"}, Live{}, false},
		{"none live", Site{"init/main.c", 1311, "", "do_initcalls"}, Live{}, true},
		{"nothing", Site{}, Live{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			live, ok := table.At(tt.site)
			if live != tt.live || ok != tt.ok {
				t.Errorf("%+v, %v, want %+v, %v", live, ok, tt.live, tt.ok)
			}
		})
	}
}

// Every line of the file is understood, and found again.
func TestReadAll(t *testing.T) {
	text, err := os.ReadFile(capture)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Read(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")[2:]
	entries := 0
	for _, list := range table.live {
		entries += len(list)
	}
	if table.Off() {
		t.Error("nothing is counted")
	}
	if entries != len(lines) {
		t.Errorf("%d entries of %d lines", entries, len(lines))
	}
	for _, line := range lines {
		e, ok := parse(line)
		if _, found := table.At(e.site); !ok || !found {
			t.Errorf("not found: %q", line)
		}
	}
}

func TestRead(t *testing.T) {
	const head, note = "allocinfo - version: 2.0\n", "#     <size>  <calls> <tag info>\n"
	for _, tt := range []struct {
		name, text string
		live       Live
		ok         bool
		err        string
	}{
		{"as of 7.2", head + note + "  64  2 mm/a.c:7 func:f \n", Live{64, 2}, true, ""},
		{"several of one line", head + " 64 2 mm/a.c:7 func:f \n 32 1 mm/a.c:7 func:f\n", Live{96, 3}, true, ""},
		{"of two files", head + " 64 2 mm/a.c:7 func:f \n 32 1 tools/mm/a.c:7 func:f\n", Live{}, false, ""},
		{"not counted well", head + " 64 2 mm/a.c:7 func:f accurate:no \n", Live{}, false, ""},
		{"switched off", head + " 0 0 mm/a.c:7 func:f\n", Live{}, true, ""},
		{"less than nothing", head + " -64 0 mm/a.c:7 func:f\n", Live{}, false, ""},
		{"more behind it", head + " 64 2 mm/a.c:7 func:f new:1 \n", Live{64, 2}, true, ""},
		{"damaged lines", head + "x\n 1 2 3 4\n 64 2 mm/a.c: func:f\n 64 2 mm/a.c:7\n 64 2 mm/a.c:7 []\n 64 2 mm/a.c:7 [m]\n", Live{}, false, "allocinfo has no line that is understood"},
		{"empty", "", Live{}, false, "no allocinfo: it is empty"},
		{"another file", "slabinfo - version: 2.1\n", Live{}, false, `no allocinfo: it begins with "slabinfo - version: 2.1"`},
		{"a later version", "allocinfo - version: 3.0\n", Live{}, false, `allocinfo of version "3.0" is not known`},
		{"an endless line", head + strings.Repeat("x", 2*maxLine), Live{}, false, "bufio.Scanner: token too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table, err := Read(strings.NewReader(tt.text))
			if err != nil || tt.err != "" {
				if diff := cmp.Diff(tt.err, errorText(err)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			if off := tt.live == (Live{}) && tt.name != "of two files" && tt.name != "not counted well"; table.Off() != off {
				t.Errorf("off: %v", table.Off())
			}
			if live, ok := table.At(Site{"mm/a.c", 7, "", "f"}); live != tt.live || ok != tt.ok {
				t.Errorf("%+v, %v", live, ok)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func FuzzRead(f *testing.F) {
	text, err := os.ReadFile(capture)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text[:2000]), "mm/util.c", 64)
	f.Add("allocinfo - version: 2.0\n -1 18446744073709551615 :/:2147483648 [] func: accurate:no\n", "", 1)
	f.Fuzz(func(t *testing.T, text, file string, line int) {
		table, err := Read(strings.NewReader(text))
		if err == nil {
			table.At(Site{File: file, Line: line})
		}
	})
}
