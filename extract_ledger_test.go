// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a careful reader sees of a report is in a record, or there is a doubt, or the text
// says that it is another stack.
func TestExtractLedger(t *testing.T) {
	const (
		head = "unreferenced object 0xffff888101a2b3c0 (size 64):\n"
		comm = "  comm \"x\", pid 1, jiffies 2\n"
		back = "  backtrace:\n"
		one  = "    first+0x1/0x20\n"
		two  = "    second+0x13/0x50 [m]\n"
		all  = "1: x 1 2: first+0x1/0x20 second+0x13/0x50 [m]"
	)
	quoted := strings.NewReplacer("\n", "\n> ")
	tests := []struct {
		name, text, want string // want: number of leaks, comm, pid, jiffies, frames
		cause            string // of the first error
	}{
		{"whole", head + comm + back + one + two, all, ""},
		{"reply between frames", "> " + quoted.Replace(head + comm + back + one)[:len(quoted.Replace(head+comm+back+one))-2] + "\nThat is so,\nI think.\n\n> " + two, all, ""},
		{"reply with a mark less", strings.ReplaceAll("\n"+head+comm+back+one, "\n", "\n>> ")[1:] + "\n> That is so.\n>\n>> " + two, all, ""},
		{"reply without marks at all", head + comm + back + one + "\nThat is so,\nI think.\n\n" + two, "1: x 1 2: first+0x1/0x20", "what follows it is in no record"},
		{"line end lost before a mark", "> " + head + "> " + comm + "> " + back + "> " + strings.TrimSuffix(one, "\n") + ">> " + two, all, ""},
		{"header damaged", head + comm + back + one + "nreferenced object 0xffff888101a2b3d0 (size 64):\n", "1: x 1 2: first+0x1/0x20", "in no record"},
		{"header lost", head + comm + back + one + "and\n" + comm + back + two, "1: x 1 2: first+0x1/0x20", "a second comm line"},
		{"no header at all", comm + back + one, "0:", "a record without a header"},
		{"header cut", "unreferenced object 0xffff888101a2b3c0 (size\nno\n" + head + comm + back + one + two, all, "a record without a header"},
		{"header cut, and a whole one", head + comm + back + one + "unreferenced object 0xffff888101a2b3d0 (size 32\n" + head + comm + back + two,
			"2: x 1 2: first+0x1/0x20 x 1 2: second+0x13/0x50 [m]", "the header of another record is cut"},
		{"header cut at once, and a whole one", "unreferenced object 0xffff888101a2b3d0\n" + head + comm + back + one + two, all, "a record without a header"},
		{"header damaged at the end", "unreferenced object 0xffff8881z1a2b3c0 (size 64):\n", "0:", "the header is damaged"},
		{"row after it", head + comm + back + one + "so\n    00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................\n", "1: x 1 2: first+0x1/0x20", "in no record"},
		{"two frames in a line", head + comm + back + strings.TrimSuffix(one, "\n") + " == second+0x13/0x50 [m]\n", "1: x 1 2: first+0x1/0x20", "in no record"},
		{"another stack", head + comm + back + one + "\nWorkqueue: events work\nworker+0x1/0x20\n", "1: x 1 2: first+0x1/0x20", ""},
		{"a sentence about a frame", head + comm + back + one + "\nThe fault is in second+0x13/0x50 of m.\n", "1: x 1 2: first+0x1/0x20", ""},
		{"number with dots", head + "  comm \"x\", pid 1, jiffies 2...\n" + back + one + two, all, "touches a number"},
		{"size with a letter", head + comm + back + "    first+0x1/0x20q\n" + two, all, "touches a number"},
		{"mark in a size", head + comm + back + "    first+0x1/0x*0 [m]\n" + two, "1: x 1 2: second+0x13/0x50 [m]", "is not a frame"},
		{"size that wraps", head + comm + back + "    first+0x1/0xfffffffffffd1520\n", "1: x 1 2: first+0x1/0xfffffffffffd1520", "no function is that large"},
		{"no module in brackets", head + comm + back + "    first+0x1/0x20 [a,b]\n", "1: x 1 2: first+0x1/0x20", "no module is in the brackets"},
		{"number of jiffies cut", head + "  comm \"x\", pid 1, jiffies 2\n33 (age 1.000s)\n" + back + one + two, all, "goes on with digits"},
		{"size cut in quoted text", strings.ReplaceAll("\n"+head+comm+back+"    first+0x1/0x20\nc\n"+strings.TrimSuffix(two, "\n"), "\n", "\n> ")[1:] + "\n", all, "goes on with digits"},
		{"pager", head + comm + back + one + "...skipping...\n" + two, all, "lines are left out"},
		{"snip", head + comm + back + one + "<snip>\n" + two, all, "lines are left out"},
		{"name cut", head + comm + back + "    [<ffffffff81234567>] fir\nst+0x1/0x20\n", "1: x 1 2: fir st+0x1/0x20", "not of one form"},
		{"last name cut", head + comm + back + "    [<ffffffff81234567>] first+0x1/0x20\n    [<ffffffff81004620>] do_syscall_\n", "1: x 1 2: first+0x1/0x20", "a frame is cut"},
		{"elided numbers", head + comm + back + "    [<...>] first+0x...\n    [<ffffffff...>] second+0x13/0x50 [m]\n", "1: x 1 2: first second+0x13/0x50 [m]", "numbers of a frame are left out"},
		{"positions of addr2line", head + comm + back + one + "    first at a/x.c:12\n    (inlined by) g at a/x.c:14\n" + "    second+0x13/0x50 [m]  h at a/y.c:3\n", all, ""},
		{"decoded, filled anew", head + comm + back + "first (a/x.c:1\na/x.c:2) second (a/y.c:3) third\n(a/z.c:4 a/z.c:5)\n", "1: x 1 2: first a/x.c:2 second a/y.c:3 third a/z.c:5", ""},
		{"no pid", head + "  comm \"x\", jiffies 2 (age 1.000s)\n" + back + one + two, "1: x 0 2: first+0x1/0x20 second+0x13/0x50 [m]", "the pid is missing"},
		{"strings of a program", `"` + head + `",` + "\n" + `"  comm \"x\", pid 1, jiffies 2",` + "\n" + `"  backtrace:",` + "\n" + `"    first+0x1/0x20",` + "\n" + `"    second+0x13/0x50 [m]",` + "\n", all, ""},
		{"escaped twice", head + `  comm \\\"x\\\", pid 1, jiffies 2` + "\n" + back + one + two, `1: \"x\" 1 2: first+0x1/0x20 second+0x13/0x50 [m]`, "marks of an escape"},
		{"quotes of a table", head + "  comm \"\"x\"\", pid 1, jiffies 2\n" + back + one + two, all, "quotes of the thread's name are doubled"},
		{"line ends of rsyslog", "Mar  4 05:06:07 host test[12]: " + strings.ReplaceAll(head+comm+back+one+two, "\n", "#012") + "\n", all, ""},
		{"break in a word", head + comm + back + "    first+0x1/<wbr>0x20<br>" + two, all, ""},
		{"mark in the header alone", "[ 1.000001] kmemleak: " + head + "[ 1.000002] " + comm + "[ 1.000002] " + back + "[ 1.000003] " + one + "[ 1.000003] " + two, all, ""},
		{"syzkaller", strings.ReplaceAll("BUG: memory leak\n"+head+comm+back+one+two, "\n", "\n    ") + "BUG: memory leak\n    ---\n", all, ""},
		{"characters touch bytes", head + comm + "  hex dump (first 16 bytes):\n    00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e ff.....\n" + back + one + two, all, ""},
		{"module behind a reply", "> " + strings.TrimSuffix(quoted.Replace(head+comm+back+"    g+0x3/0x4\n"), "> ") + "Yes.\n> " + one + "> " + strings.Replace(two, " [", "\n[", 1),
			"1: x 1 2: g+0x3/0x4 first+0x1/0x20 second+0x13/0x50 [m]", ""},
		{"rule of equals signs", head + comm + back + one + "[ 1.000001] " + strings.Repeat("=", 70) + "\n" + two, all, ""},
		{"decoded, one of another form", head + comm + back + "    f (a/x.c:1)\n  h (a/x.c:2)\nso is k (a/x.c:3) here\n\nl (a/x.c:4)\n", "1: x 1 2: f a/x.c:1 h a/x.c:2", "in no record"},
		{"decoded, number wrapped", head + comm + back + "    f (a/x.c:1 a/x.c:14\n2) g (a/y.c:3)\n", "1: x 1 2: f a/x.c:142 g a/y.c:3", ""},
		{"path cut", head + comm + back + "    f+0x1/0x20 a/b\n/x.c:3\n", "1: x 1 2: f+0x1/0x20 /x.c:3", "a source position is cut"},
		{"header in three lines", "unreferenced\nobject\n0xffff888101a2b3c0 (size 64):\n" + comm + back + one + two, all, ""},
		{"header cut by a terminal", "[ 1.000001] kmemleak: unreferenced obj\nect 0xffff888101a2b3c0 (size 64):\n" + comm + back + one + two, all, ""},
		{"header behind a frame that comes again", head + comm + back + strings.TrimSuffix(one, "\n") + " unreferenced object 0xffff888101a2b3d0 (size 64):\n" + comm + back + two + one,
			"2: x 1 2: first+0x1/0x20 x 1 2: second+0x13/0x50 [m] first+0x1/0x20", ""},
		{"sources that wrap at once", callers(head+comm+back+"f (a/x.c:1\na/x.c:2)\n", head+comm+back+"    g (b/x.c:1\nb/x.c:2)\n"), "2: x 1 2: f a/x.c:2 x 1 2: g b/x.c:2", ""},
		{"dump longer than announced", head + comm + "  hex dump (first 8 bytes):\n    00 01 02 03 04 05 06 07 08 09  ..........\n" + back + one + two, all, "the hex dump is too long"},
		{"dump as long as announced, blanks lost", head + comm + "  hex dump (first 8 bytes):\n    00 01 02 03 04 05 61 62 ......ab\n" + back + one + two, all, ""},
		{"name without quotes", head + "  comm here x, pid 1, jiffies 2\n" + back + one + two, strings.Replace(all, "x", "here x", 1), "several words without quotes"},
		{"name wrapped where it fits", "[ 1.000001] " + head + "[ 1.000001]   comm \"x\ny\", pid 1, jiffies 2\n[ 1.000001] " + back + "[ 1.000001] " + one + "[ 1.000001] " + two, strings.Replace(all, "x", "x y", 1), "the name of the thread"},
		{"a word behind names", head + comm + back + "    f\n    g\nh\n", "1: x 1 2: f g", "a word behind a frame"},
		{"names behind an empty line", head + comm + back + "    f\n    g\n\n    h\n", "1: x 1 2: f g h", ""},
		{"age cut", head + "  comm \"x\", pid 1, jiffies 2 (\nage 1s)\n" + back + one + two, all, "a line is cut"},
		{"address cut above a whole frame", head + comm + back + "[<c10a8101>] first+0x1/0x20\n[<c10a44\n[<c1001226>] second+0x13/0x50 [m]\n", all, "a frame is cut"},
		{"offset without a size", head + comm + back + "    first+0x1\n" + two, "1: x 1 2: first+0x1 second+0x13/0x50 [m]", "a frame is cut"},
		{"header cut in its first word", "[ 1.000001] kmemleak: unrefer\nenced object 0xffff888101a2b3c0 (size 64):\n" + comm + back + one + two, all, ""},
		{"header cut behind two letters", "un\nreferenced object 0xffff888101a2b3c0 (size 64):\n" + comm + back + one + two, all, ""},
		{"header cut in a mark", "unreferenced object (perc\npu) 0xffff888101a2b3c0 (size 64):\n" + comm + back + one + two, all, ""},
		{"start of a header behind names", head + comm + back + "    f\n    g\nunreferenced\nobject 0xffff888101a2b3d0 (size 64):\n" + comm + back + two, "2: x 1 2: f g x 1 2: second+0x13/0x50 [m]", ""},
		{"frame before a header, behind a reply", "> " + head + "> " + comm + "> " + back + "> " + one + "\n-- \nYes.\n> [<ffffffff81234567>] third+0x1/0x2 " + head + "> " + comm + "> " + back + "> " + two,
			"2: x 1 2: first+0x1/0x20 third+0x1/0x2 x 1 2: second+0x13/0x50 [m]", ""},
		{"path cut behind a name", head + comm + back + "    first+0x1/0x20 net\n/b/x.c:3\n" + two, "1: x 1 2: first+0x1/0x20 /b/x.c:3 second+0x13/0x50 [m]", "a word behind a frame"},
		{"position cut", head + comm + back + "    first+0x1/0x20 a/x.c\n:3\n" + two, all, "a source position is cut"},
		{"names without the marks of the others", "> " + strings.TrimSuffix(quoted.Replace(head+comm+back+"    f\n"), "> ") + "\t\t(inlined by) f at a/x.c:3\n    g\n", "1: x 1 2: f", "a word behind a frame"},
		{"name cut by a terminal", head + "  comm \"insm" + strings.Repeat("m", 40) + "\nod\", pid 1, jiffies 2\n" + back + one + two, strings.Replace(all, "x", "insm"+strings.Repeat("m", 40)+" od", 1), "the name of the thread may have been another"},
		{"name wrapped, indentation lost", head + "comm \"x\ny\", pid 1, jiffies 2\n" + back + one + two, strings.Replace(all, "x", "x\ny", 1), "the name of the thread may have been another"},
		{"names behind a reply", head + comm + back + "    f_a\n    f_b\n\n-- \nSomeone\n    f_c\n", "1: x 1 2: f_a f_b", "what follows it is in no record"},
		{"offset and size alone", head + comm + back + "    first\n\n+0x1/0x20 [m]\n", "1: x 1 2: first", "what follows it is in no record"},
		{"quoted, wrapped by a terminal, with a reply", ">> " + head + ">>   comm \"x\", pid 1\n, jiffies 2\n>> " + back + ">> " + one + "> Why\n> here?\n>\n>> " + two, all, ""},
		{"line between a frame and its position", head + comm + back + one + "systemd[1]: Started.\na/x.c:3\n" + two, all, "what follows it is in no record"},
		{"comm line between the parts of a frame", "[ 1.000001][   T10] " + head + "[ 1.000001][   T10] " + comm + "[ 1.000001][   T10] " + back + "[ 1.000001][   T10]     [<ffffffff81234567>]\n[ 1.000002] " + comm + "first+0x1/0x20\n",
			"1: x 1 2: first+0x1/0x20", "what follows it is in no record"},
		{"strings of a program in one line", `"` + head + `",` + "\n" + `"  comm \"x\", pid 1, jiffies 2",` + "\n" + `"  backtrace (crc 12345678):",   "    first+0x1/0x20",` + "\n" + `"    second+0x13/0x50 [m]",` + "\n", "1: x 1 2: second+0x13/0x50 [m]", "touches a number"},
		{"frame far behind words", head + comm + back + one + "so it is this    second+0x13/0x50 [m]\n", "1: x 1 2: first+0x1/0x20", "in no record"},
		{"journal, a line end lost", strings.Replace(journal("kmemleak: ", head+comm+back+one+two), "\n    MESSAGE=kmemleak:     second", "    MESSAGE=kmemleak:     second", 1), "1: x 1 2: first+0x1/0x20", "is not a frame"},
		{"journal", journal("kmemleak: ", head+comm+back+one+two), all, ""},
	}
	for _, tt := range tests {
		var got strings.Builder
		var first error
		n := 0
		for l, err := range Extract(strings.NewReader(tt.text)) {
			if first == nil {
				first = err
			}
			if l.Addr == 0 {
				continue
			}
			n++
			fmt.Fprintf(&got, " %s %d %d:", l.Comm, l.PID, l.Jiffies)
			for _, f := range l.Backtrace {
				f.Addr = 0
				got.WriteString(" " + f.String())
			}
		}
		if diff := cmp.Diff(tt.want, fmt.Sprintf("%d:%s", n, got.String())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		var pe *ParseError
		switch {
		case tt.cause == "" && first != nil:
			t.Errorf("%s: %v", tt.name, first)
		case tt.cause != "" && (!errors.As(first, &pe) || !strings.Contains(pe.Error(), tt.cause)):
			t.Errorf("%s: error %v, want %q", tt.name, first, tt.cause)
		}
	}
}

// callers returns the lines of two texts in turn, as a kernel with the name of the caller in
// each line prints them.
func callers(a, b string) string {
	var text strings.Builder
	second := strings.SplitAfter(b, "\n")
	for i, line := range strings.SplitAfter(a, "\n") {
		if line != "" {
			fmt.Fprintf(&text, "[    1.00000%d][   T10] %s[    1.00000%d][   T11] %s", i, line, i, second[i])
		}
	}
	return text.String()
}

// journal returns lines as journalctl -o verbose writes them.
func journal(tag, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("Mon 2026-03-02 05:06:07.000000 CET [s=ab;i=1;b=d;m=e;t=f;x=1]\n    _TRANSPORT=kernel\n    MESSAGE=" + tag + line +
			"    PRIORITY=4\n    _HOSTNAME=alpha\n")
	}
	return b.String()
}
