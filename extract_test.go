// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// carried is a report that logs and mail carry in the tests below.
const carried = `unreferenced object 0xffff888101a2b3c0 (size 64):
  comm "Web Content", pid 1776, jiffies 4294682844 (age 16.449s)
  hex dump (first 32 bytes):
    61 62 20 63 0a 00 00 00 3c 3e 26 3d 22 5c 00 00  ab c....<>&="\..
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 7c  ...............|
  backtrace:
    [<ffffffff81687c97>] kmalloc_trace+0x297/0x310
    [<ffffffffc0a011d3>] thing_alloc.isra.0+0x13/0x50 [thing_core]
    [<ffffffffc0a015e4>] 0xffffffffc0a015e4
    [<ffffffff81001c27>] do_one_initcall+0x87/0x2e0
unreferenced object 0xffff888101a2b400 (size 8):
  comm "kworker/u8:2", pid 77, jiffies 4294682850 (age 16.440s)
  hex dump (first 8 bytes):
    00 00 00 00 00 00 00 00                          ........
  backtrace:
    [<ffffffff81687c97>] kmalloc_trace+0x297/0x310
    [<ffffffff81374100>] worker_thread+0x239/0x340
`

func collect(t testing.TB, text string) (leaks []Leak, errs []error) {
	t.Helper()
	for l, err := range Extract(strings.NewReader(text)) {
		if err != nil && l.Addr == 0 && l.Size == 0 {
			continue // what is said of the text beside the leaks
		}
		leaks = append(leaks, l)
		errs = append(errs, err)
	}
	return leaks, errs
}

// jsonString returns a string of JSON.
func jsonString(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// eachLine replaces each line by what f gives for it and its number, which is
// without line end.
func eachLine(text string, f func(i int, line string) string) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		b.WriteString(f(i, line) + "\n")
	}
	return b.String()
}

func prefix(format string) func(string) string {
	return func(text string) string {
		return eachLine(text, func(i int, line string) string {
			if !strings.Contains(format, "%") {
				return format + line
			}
			return fmt.Sprintf(format, 100+i/3, i*37%1000) + line
		})
	}
}

// wrap breaks lines at blanks, as mail programs do.
func wrap(width int) func(string) string {
	return func(text string) string {
		return eachLine(text, func(_ int, line string) string {
			var out []string
			for len(line) > width {
				at := strings.LastIndex(line[:width+1], " ")
				if at <= len(line)-len(strings.TrimLeft(line, " ")) {
					if at = strings.Index(strings.TrimLeft(line, " "), " "); at >= 0 {
						at += len(line) - len(strings.TrimLeft(line, " "))
					}
				}
				if at < 0 {
					break
				}
				out = append(out, line[:at])
				line = line[at+1:]
			}
			return strings.Join(append(out, line), "\n")
		})
	}
}

func TestExtractCarriers(t *testing.T) {
	replace := func(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }
	chain := func(fs ...func(string) string) func(string) string {
		return func(s string) string {
			for _, f := range fs {
				s = f(s)
			}
			return s
		}
	}
	// unindent loses the indentation.
	unindent := func(s string) string { return regexp.MustCompile(`(?m)^ +`).ReplaceAllString(s, "") }
	tests := []struct {
		name  string
		carry func(string) string
	}{
		{"plain", func(s string) string { return s }},
		{"dmesg", prefix("[  %d.%06d] kmemleak: ")},
		{"dmesg without tag", prefix("[  %d.%06d] ")},
		{"dmesg with caller", prefix("[  %d.%06d][  T170] kmemleak: ")},
		{"dmesg with processor", prefix("[  %d.%06d][    C0] kmemleak: ")},
		{"dmesg -T", prefix("[Mon Nov 23 01:%d:%02d 2026] kmemleak: ")},
		{"dmesg -r", prefix("<4>[  %d.%06d] kmemleak: ")},
		{"dmesg --time-format=iso", prefix("2026-11-23T01:13:%d,%06d+00:00 kmemleak: ")},
		{"/dev/kmsg", prefix("4,%d,%d,-;kmemleak: ")},
		{"/dev/kmsg with caller", prefix("4,%d,%d,-,caller=T12;kmemleak: ")},
		{"dmesg -e", func(s string) string {
			return eachLine(s, func(i int, l string) string {
				if i%7 == 0 {
					return fmt.Sprintf("[Nov%2d 01:%02d] kmemleak: ", 9+i/7, i) + l
				}
				return fmt.Sprintf("[  +0.%06d] kmemleak: ", i) + l
			})
		}},
		{"tag only", prefix("kmemleak: ")},
		{"test runner, one word", prefix("01:%d:%03d DEBUG| ")},
		{"build log with a mark", prefix("2026-11-23T01:%d:44.%07dZ ##[error]")},
		{"time and quote", prefix("Nov 23 01:%d:%03d > ")},
		{"syslog, wrapped before the bracket", chain(prefix("Nov 23 01:%d:%03d host1 kernel: [ 12.345678] kmemleak: "), replace("     [<", "     \n[<"))},
		{"editor's numbers", func(s string) string {
			return eachLine(s, func(i int, l string) string { return fmt.Sprintf("%3d ", i+3) + l })
		}},
		{"patch without blanks", chain(unindent, prefix("+"))},
		{"quoted-printable in frames", func(s string) string {
			const frame = "do_one_initcall+0x87/0x2e0"
			return strings.ReplaceAll(s, "    [<ffffffff81001c27>] "+frame, "    [<ffffffff81001c27>] "+frame+strings.Repeat(" ", 30)+"=\n")
		}},
		{"Markdown with escapes", replace("_", `\_`, "[<", `\[\<`, ">]", `\>\]`)},
		{"wide blanks", replace("    ", "\u2003\u2003")},
		{"Latin-1 no-break spaces", replace("  ", "\xa0 ")},
		{"syslog", prefix("Nov 23 01:%d:%03d host1 kernel: [ 12.345678] kmemleak: ")},
		{"syslog, one-digit day", prefix("Nov  3 01:%d:%03d host1 kernel: kmemleak: ")},
		{"syslog of a program", prefix("Nov 23 01:%d:%03d host1 myscript[12]: ")},
		{"journal, ISO", prefix("2026-11-23T01:%d:11.%06d+0100 host1 kernel: kmemleak: ")},
		{"RFC 5424", prefix("<4>1 2026-11-23T01:%d:%03d host1 kernel: kmemleak: ")},
		{"logcat", prefix("11-23 01:13:%d.%03d  1234  1234 W kmemleak: ")},
		{"logcat, other tag", prefix("11-23 01:13:%d.%03d   321  1234 I kernel  : ")},
		{"logcat, brief", prefix("W/kmemleak(  123): ")},
		{"vendor, processor and task", prefix("<4>[  %d.%06d]  [0:    swapper/0:    1] ")},
		{"vendor, processor before", prefix("[  %d.%06d] (0)[1:swapper/0]kmemleak: ")},
		{"date with slashes", prefix("2026/11/23 01:%d:%03d ")},
		{"build log", prefix("2026-11-23T01:%d:44.%07dZ ")},
		{"unknown program", prefix("console: ")},
		{"unknown program with numbers", prefix("dut1[%d]/%d$ ")},
		{"mail", prefix("> ")},
		{"mail, no blank", prefix(">")},
		{"mail, deep", prefix("> >>> >> ")},
		{"mail, tab", prefix("> \t")},
		{"cat -n", func(s string) string {
			return eachLine(s, func(i int, l string) string { return fmt.Sprintf("%6d\t%s", i+95, l) })
		}},
		{"grep -n -A", func(s string) string {
			return eachLine(s, func(i int, l string) string {
				if l[0] == 'u' {
					return fmt.Sprintf("%d:%s", i+95, l)
				}
				return fmt.Sprintf("%d-%s", i+95, l)
			})
		}},
		{"grep -H -n -A", func(s string) string {
			return eachLine(s, func(i int, l string) string {
				if l[0] == 'u' {
					return fmt.Sprintf("boot.log:%d:%s", i+95, l)
				}
				return fmt.Sprintf("boot.log-%d-%s", i+95, l)
			})
		}},
		{"bar", prefix("| ")},
		{"patch", prefix("+ ")},
		{"comment", prefix(" * ")},
		{"comment in C++", prefix("// ")},
		{"commit message", prefix("    ")},
		{"tabs", prefix("\t")},
		{"tabs for blanks", replace("    ", "\t")},
		{"indentation lost", unindent},
		{"indentation of one blank", func(s string) string { return regexp.MustCompile(`(?m)^ +`).ReplaceAllString(s, " ") }},
		{"blanks lost", func(s string) string { return regexp.MustCompile(` +`).ReplaceAllString(s, " ") }},
		{"trailing blanks", replace("\n", "  \n")},
		{"CR LF", replace("\n", "\r\n")},
		{"CR CR LF", replace("\n", "\r\r\n")},
		{"LF CR", replace("\n", "\n\r")},
		{"NUL", replace("\n", "\x00\n\x00")},
		{"empty line after each", replace("\n", "\n\n")},
		{"empty line after each, mail", chain(replace("\n", "\n\n"), prefix("> "))},
		{"empty line between records", replace("\nunref", "\n\nunref")},
		{"colours", func(s string) string {
			return eachLine(s, func(_ int, l string) string {
				return "\x1b[32m[ 1.000001] \x1b[0m\x1b[33mkmemleak\x1b[0m: " + l + "\x1b[K"
			})
		}},
		{"grep --color", replace("unreferenced", "\x1b[01;31m\x1b[Kunreferenced\x1b[m\x1b[K")},
		{"UTF-16", func(s string) string { return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00" }},
		{"docker", func(s string) string {
			return eachLine(s, func(i int, l string) string {
				return fmt.Sprintf(`{"log":%s,"stream":"stdout","time":"2026-11-23T01:13:44.%09dZ"}`, jsonString(l+"\n"), i)
			})
		}},
		{"journalctl -o json", func(s string) string {
			return eachLine(s, func(i int, l string) string {
				return fmt.Sprintf(`{"_TRANSPORT":"kernel","__REALTIME_TIMESTAMP":"17952%d","MESSAGE":%s,"PRIORITY":"4"}`, i, jsonString("kmemleak: "+l))
			})
		}},
		{"LAVA", func(s string) string {
			return eachLine(s, func(i int, l string) string {
				return fmt.Sprintf(`- {"dt": "2026-11-23T01:13:44.%06d", "lvl": "target", "msg": %s}`, i, jsonString("[   12.345678] "+l))
			})
		}},
		{"byte order mark", func(s string) string { return "\ufeff" + s }},
		{"no-break spaces", replace("  ", "\u00a0 ")},
		{"no-break spaces everywhere", replace("Web Content", "Web Content", "    ", "\u00a0\u00a0\u00a0\u00a0", "  ", "\u00a0\u00a0")},
		{"quotes of a word processor", replace(`comm "`, "comm \u201c", `", pid`, "\u201d, pid")},
		{"character column lost", func(s string) string {
			return regexp.MustCompile(`(?m)^(    (?:[0-9a-f]{2} ){7,}).*$`).ReplaceAllString(s, "$1")
		}},
		{"unknown program, fuzzer, wrapped", chain(replace("unref", "BUG: memory leak unref"), wrap(60), prefix("dut7: "))},
		{"markdown", func(s string) string { return "```\n" + s + "```\n" }},
		{"fuzzer", replace("unref", "BUG: memory leak\nunref")},
		{"fuzzer, same line", replace("unref", "BUG: memory leak unref")},
		{"prompt", func(s string) string { return "[root@host ~]# cat /sys/kernel/debug/kmemleak " + s + "[root@host ~]# " }},
		{"header after the last frame", replace("0x2e0\nunref", "0x2e0unref")},
		{"capital", replace("unref", "Unref")},
		{"lost inner brackets", replace("[<", "[", ">]", "]")},
		{"HTML", func(s string) string {
			s = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "  ", " &nbsp;").Replace(s)
			return "<div dir=\"ltr\"><pre>" + strings.ReplaceAll(s, "\n", "<br>") + "</pre></div>"
		}},
		{"quoted-printable", func(s string) string {
			return eachLine(strings.ReplaceAll(s, "=", "=3D"), func(_ int, l string) string {
				if len(l) > 76 {
					return l[:75] + "=\n" + l[75:]
				}
				return l
			})
		}},
		{"JSON string", func(s string) string { return `{"log":` + fmt.Sprintf("%q", s) + "}\n" }},
		{"one paragraph", func(s string) string { return strings.Join(strings.Fields(s), " ") + "\n" }},
		{"no line end", func(s string) string { return strings.TrimRight(s, "\n") }},
		{"prose around", func(s string) string {
			return "Hi,\n\nI see this unreferenced object:\n\n" + s + "\nThe hex dump is of a thing.\n" +
				"  backtrace:\n    not_ours+0x1/0x2\n-- \nme\n"
		}},
	}
	for width := 40; width < 80; width += 3 {
		tests = append(tests, struct {
			name  string
			carry func(string) string
		}{fmt.Sprintf("wrapped at %d", width), wrap(width)})
		tests = append(tests, struct {
			name  string
			carry func(string) string
		}{fmt.Sprintf("mail, wrapped at %d", width), chain(wrap(width), prefix("> "))})
		tests = append(tests, struct {
			name  string
			carry func(string) string
		}{fmt.Sprintf("dmesg, wrapped at %d", width), chain(prefix("[  %d.%06d] kmemleak: "), wrap(width))})
	}
	want, err := Parse(strings.NewReader(carried))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := tt.carry(carried)
			got, errs := collect(t, text)
			if tt.name == "one paragraph" || tt.name == "blanks lost" {
				for i := range got { // which blanks were characters cannot be known
					got[i].Data = want[min(i, 1)].Data
				}
				errs = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\nin\n%s", diff, text)
			}
			for _, err := range errs {
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Lines of others stand between those of a record.
func TestExtractInterleaved(t *testing.T) {
	want, err := Parse(strings.NewReader(carried))
	if err != nil {
		t.Fatal(err)
	}
	split := strings.Index(carried, "unreferenced object 0xffff888101a2b400")
	first, second := carried[:split], carried[split:]
	// zip returns the lines of both in turn.
	zip := func(a, b string) string {
		la, lb := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
		var out strings.Builder
		for i := range max(len(la), len(lb)) {
			if i < len(la) {
				out.WriteString(la[i])
			}
			if i < len(lb) {
				out.WriteString(lb[i])
			}
		}
		return out.String()
	}
	trace := func(prefix string) string {
		return prefix + "usb 1-1: new device\n" + prefix + "\n" + prefix + "Call Trace:\n" + prefix + " dump_stack+0x48/0x69\n" +
			prefix + " ? foo+0x1/0x2\n" + prefix + "Code: 89 e8 5b 5d c3 66 2e 0f 1f 84 00 00 00 00 00 90\n" + prefix + "RIP: 0010:bar+0x1/0x2\n"
	}
	tests := []struct{ name, text string }{
		{"kernel log in a report", zip(carried, trace("[   12.345678] ")+trace("[   12.345699] "))},
		{"untagged lines in verbose dmesg", zip(prefix("[  %d.%06d] kmemleak: ")(carried), trace("[   12.345678] "))},
		{"two callers", zip(prefix("[  %d.%06d][  T170] kmemleak: ")(first), prefix("[  %d.%06d][  T171] kmemleak: ")(second))},
		{"two hosts", zip(prefix("Nov 23 01:%d:%02d alpha kernel: kmemleak: ")(first), prefix("Nov 23 01:%d:%02d beta kernel: kmemleak: ")(second))},
		{"two hosts, indentation lost", zip(prefix("Nov 23 01:%d:%02d alpha kernel: ")(strings.ReplaceAll(first, "  ", " ")), prefix("Nov 23 01:%d:%02d beta kernel: ")(second))},
		{"other messages of kmemleak", strings.ReplaceAll(prefix("[  12.%d%d] kmemleak: ")(carried), "backtrace:\n", "backtrace:\n[  12.1] kmemleak: Automatic memory scanning thread ended\n")},
		{"stack without time after a record", first + "Call Trace:\n dump_stack+0x48/0x69\n foo+0x1/0x2\n" + second},
		{"answer to dump=", prefix("[  12.%d%d] kmemleak: ")(first) + "[  12.1] kmemleak: Object 0xf6556000 (size 16777216):\n" +
			"[  12.1] kmemleak:   comm \"swapper\", pid 0, jiffies 4294877296\n[  12.1] kmemleak:   backtrace:\n[  12.1]      foo+0x1/0x2\n" +
			prefix("[  12.%d%d] kmemleak: ")(second)},
		{"console line without time", strings.ReplaceAll(carried, "    [<ffffffffc0a015e4>]", "usb 1-1: new device\n    [<ffffffffc0a015e4>]")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, errs := collect(t, tt.text)
			slices.SortFunc(got, func(a, b Leak) int { return bytes.Compare([]byte(fmt.Sprint(a.Addr)), []byte(fmt.Sprint(b.Addr))) })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\nin\n%s", diff, tt.text)
			}
			if err := errors.Join(errs...); err != nil {
				t.Error(err)
			}
		})
	}
}

// A record is given out long before the end of the text.
func TestExtractIdle(t *testing.T) {
	r := strings.NewReader(carried + strings.Repeat("[    1.000000] other line\n", 100_000))
	size := r.Len()
	n := 0
	for _, err := range Extract(r) {
		if err != nil {
			t.Error(err)
		}
		if n++; n == 2 {
			break
		}
	}
	if read := size - r.Len(); n != 2 || read > size/2 {
		t.Errorf("%d leaks after %d of %d bytes", n, read, size)
	}
}

func TestExtractReadError(t *testing.T) {
	broken := errors.New("broken")
	r := io.MultiReader(strings.NewReader(carried), iotest.ErrReader(broken))
	n := 0
	var last error
	for _, err := range Extract(r) {
		n++
		last = err
	}
	if n != 3 || !errors.Is(last, broken) {
		t.Errorf("%d leaks and errors, the last error is %v", n, last)
	}
}

// Lines without end need no memory.
func TestExtractLongLines(t *testing.T) {
	one := strings.Join(strings.Fields(carried), " ") + " "
	leaks, _ := collect(t, strings.Repeat(one, 2000)) // a single line of more than a megabyte
	if len(leaks) != 4000 {
		t.Errorf("%d leaks, want 4000", len(leaks))
	}
	leaks, _ = collect(t, strings.Repeat("x", 1<<20)+carried)
	if len(leaks) != 2 {
		t.Errorf("%d leaks after a long line, want 2", len(leaks))
	}
}
