// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"errors"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

const maintainersText = `HELLO
M:	Ann B. Sure <ann@example.org>
M:	"Björn, the second" <bjoern@example.org>
R:	Rita <rita@example.org>
L:	hello@lists.example.org (moderated for non-subscribers)
S:	Maintained
F:	hello_kernel/

ALL MODULES
M:	ann b. sure <other@example.org>
M:	Carl <carl@example.org>
L:	hello@lists.example.org
S:	Odd Fixes
F:	*/hello*

THE REST
M:	Linus <linus@example.org>
L:	linux-kernel@vger.kernel.org
S:	Buried alive in reporters
F:	*
F:	*/
`

// sourceTree makes a tree with MAINTAINERS and the source of the module.
func sourceTree(t testing.TB, maintainers string) string {
	t.Helper()
	dir := t.TempDir()
	source, err := os.ReadFile(hello + "/hello.c")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(dir+"/hello_kernel", 0o777), os.WriteFile(dir+"/hello_kernel/hello.c", source, 0o666),
		os.WriteFile(dir+"/MAINTAINERS", []byte(maintainers), 0o666)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMailGolden(t *testing.T) {
	s := symbolizer(t, "6.12-x86_64")
	s.Release, s.Paths, s.Sources = "6.12.1-test", nil, []string{filepath.Join(t.TempDir(), "missing"), sourceTree(t, maintainersText)}
	groups := kmemleak.Groups(report(t, "6.12-x86_64"))
	for i, name := range []string{"lines", "page", "greeting"} {
		var leaks []kmemleak.Leak
		for _, l := range groups[i].Leaks {
			leaks = append(leaks, *l)
		}
		o := &Options{Symbolizer: s, Clock: kmemleak.BootClock(250)}
		if name == "greeting" {
			o.Scans, o.Allocinfo = 6, allocinfoCapture
		}
		var b bytes.Buffer
		if err := Mail(&b, leaks, o); err != nil {
			t.Fatal(err)
		}
		golden(t, "mail-"+name+".txt", b.Bytes())

		// It is a mail, to be read again by Extract, and not wider than is usual.
		m, err := mail.ReadMessage(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"To", "Cc"} {
			if _, err := m.Header.AddressList(field); err != nil {
				t.Errorf("%s: %v", field, err)
			}
		}
		var again []kmemleak.Leak
		for l, err := range kmemleak.Extract(bytes.NewReader(b.Bytes())) {
			if err != nil {
				t.Error(err)
			}
			again = append(again, l)
		}
		if len(again) != 1 || again[0].Addr != leaks[0].Addr || again[0].Owner().Func() != groupOwner(s, leaks[0]) {
			t.Errorf("%s is read as %+v", name, again)
		}
		text, _, _ := strings.Cut(b.String(), "unreferenced object")
		for line := range strings.Lines(text) {
			if len(line) > mailWidth+1 {
				t.Errorf("%d bytes: %s", len(line), line)
			}
		}
	}
}

func groupOwner(s *kmemleak.Symbolizer, l kmemleak.Leak) string {
	o := kmemleak.OwnerOf(s.Calls(l))
	return o.Func()
}

func TestMail(t *testing.T) {
	leak := func(lines ...string) []kmemleak.Leak { return []kmemleak.Leak{leakOf(t, 0, lines...)} }
	for _, tt := range []struct {
		name  string
		leaks []kmemleak.Leak
		opts  *Options
		want  []string // parts
	}{
		{"without a line", leak("kmalloc_trace+0x1/0x9", "lose+0x1/0x9 [m]", "ioctl+0x1/0x9", "__x64_sys_ioctl+0x1/0x9", "do_syscall_64+0x1/0x9"), nil, []string{
			"To:\nSubject: memory leak in lose\n", "1 object of 8 bytes that nothing points to, allocated by\nlose+0x1/0x9 [m].\n",
			"Kernel:      (its release is not known)\n", "at a time that is not known", "  backtrace:\n    lose+0x1/0x9 [m]\n    ioctl+0x1/0x9\n",
		}},
		{"an owner that is an entry", leak("kmalloc_trace+0x1/0x9", "__x64_sys_ioctl+0x1/0x9", "do_syscall_64+0x1/0x9"), nil, []string{
			"memory leak in __x64_sys_ioctl\n", "  backtrace:\n    __x64_sys_ioctl+0x1/0x9\n",
		}},
		{"no owner", leak("kmalloc_trace+0x1/0x9"), nil, []string{"Subject: memory leak, owner not known\n", "  backtrace:\n    kmalloc_trace+0x1/0x9\n"}},
		{"a report that may lack some", leak("lose+0x1/0x9"), &Options{Err: kmemleak.ErrTruncated}, []string{"Not read:    more leaks than the limit\n"}},
		{"a hostile one", []kmemleak.Leak{hostile()}, nil, []string{"Subject: memory leak in a?[31m?b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := Mail(&b, tt.leaks, tt.opts); err != nil {
				t.Fatal(err)
			}
			checkClean(t, b.String())
			for _, part := range tt.want {
				if !strings.Contains(b.String(), part) {
					t.Errorf("lacks %q:\n%s", part, b.String())
				}
			}
			if head, _, _ := strings.Cut(b.String(), "\n\n"); strings.Count(head, "\n") != 4 {
				t.Errorf("header:\n%s", head)
			}
			if strings.Contains(b.String(), "do_syscall") || strings.Contains(b.String(), "hex dump") {
				t.Errorf("not trimmed:\n%s", b.String())
			}
		})
	}
	for _, leaks := range [][]kmemleak.Leak{nil, append(leak("lose+0x1/0x9"), leak("other+0x1/0x9")...)} {
		if err := Mail(io.Discard, leaks, nil); err == nil {
			t.Errorf("a mail about %d places", len(leaks))
		}
	}
}

func TestMaintainers(t *testing.T) {
	s := symbolizer(t, "6.12-x86_64")
	leaks := report(t, "6.12-x86_64")[:1]
	lines := func() (lines []string) {
		var b strings.Builder
		if err := Text(&b, leaks, &Options{Symbolizer: s, Detail: Verbose}); err != nil {
			t.Fatal(err)
		}
		checkClean(t, b.String())
		for line := range strings.Lines(b.String()) {
			if strings.Contains(line, "maint") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		return lines
	}
	if got := lines(); len(got) != 0 {
		t.Errorf("without a tree: %q", got)
	}
	s.Paths, s.Sources = nil, []string{sourceTree(t, maintainersText)}
	if diff := cmp.Diff([]string{
		`maintained as HELLO (Maintained): Ann B. Sure <ann@example.org>, "Björn, the second" <bjoern@example.org>, hello@lists.example.org`,
		"maintained as ALL MODULES (Odd Fixes): ann b. sure <other@example.org>, Carl <carl@example.org>, hello@lists.example.org",
	}, lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.Sources = []string{sourceTree(t, "nothing")}
	if got := lines(); len(got) != 1 || !strings.HasPrefix(got[0], "not sure: who maintains what: ") {
		t.Errorf("with another file: %q", got)
	}
}
