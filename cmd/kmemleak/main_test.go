// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	build    = "6.12-x86_64"
	report   = "../../testdata/reports/hello_kernel-" + build + ".txt"
	modules  = "../../testdata/reports/hello_kernel-" + build + ".modules.json"
	hello    = "../../testdata/modules/hello_kernel"
	helloDir = hello + "/" + build

	// allocinfo is of a kernel in which hello_kernel had leaked the same.
	allocinfo = "../../internal/allocinfo/testdata/allocinfo-" + build + ".txt"
)

// Tests do not ask servers of the network for debugging information.
func init() { os.Unsetenv("DEBUGINFOD_URLS") }

// result is the result of a run of the program.
type result struct {
	Status   int
	Out, Err string
}

func runWith(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	status := run(t.Context(), args, stdio{in: strings.NewReader(stdin), out: &out, err: &err})
	return result{status, out.String(), err.String()}
}

func readFileText(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readFileText(t, name), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// tool runs another program and returns its output. If the program is missing the test
// ends.
func tool(t *testing.T, debian, stdin, name string, args ...string) string {
	t.Helper()
	need.Tools(t, debian, name)
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return string(out)
}

// logged returns a report as it is in the kernel's log of some machine.
func logged(report string) string {
	var b strings.Builder
	b.WriteString("[   10.000001] hello_kernel: loading out-of-tree module taints kernel.\n")
	for line := range strings.Lines(report) {
		b.WriteString("[   12.345678] " + line)
	}
	b.WriteString("[   13.000001] random: crng init done\n")
	return b.String()
}

func TestRun(t *testing.T) {
	text := readFileText(t, report)
	cut := text[:strings.LastIndex(text, ", jiffies")]
	asJSON := runWith(t, text, "symbolize", "-release", "0", "-dir", helloDir, "-format", "json").Out
	first := filepath.Join(t.TempDir(), "first.jsonl")
	if err := os.WriteFile(first, []byte(strings.Join(strings.SplitAfter(asJSON, "\n")[:3], "")), 0o666); err != nil {
		t.Fatal(err)
	}
	one := filepath.Join(t.TempDir(), "one.jsonl") // of two places the first leak
	if lines := strings.SplitAfter(asJSON, "\n"); os.WriteFile(one, []byte(lines[0]+lines[3]), 0o666) != nil {
		t.Fatal(one)
	}
	tree := t.TempDir()
	if err := errors.Join(os.CopyFS(filepath.Join(tree, "hello_kernel"), os.DirFS(hello)),
		os.WriteFile(filepath.Join(tree, "MAINTAINERS"), []byte("HELLO\nM:\tAnn <ann@example.org>\nF:\thello_kernel/\n"), 0o666)); err != nil {
		t.Fatal(err)
	}
	failed := `{"error":"find: kmemleak is switched off\u001b[31m"}` + "\n"
	with := func(args ...string) []string {
		return append([]string{args[0], "-release", "0", "-dir", helloDir, "-snapshot", modules}, args[1:]...)
	}
	const noReport = "no kmemleak report found: kmemleak report has what a kernel reports now, its log only with kmemleak.verbose=1; -empty if that means no leaks\n"
	for _, tt := range []struct {
		name   string
		args   []string
		stdin  string
		status int
		out    string // the name of a golden file, if it ends in one of their suffixes
		err    string
	}{
		{"symbolize", with("symbolize", "-source", "/usr/src/kmemleak/hello_kernel="+hello), text, 1, "symbolize.txt", ""},
		{"symbolize a log", with("symbolize", "-source", "/usr/src/kmemleak/hello_kernel="+hello), logged(text), 1, "symbolize.txt", ""},
		{"symbolize a file", with("symbolize", "-source", "/usr/src/kmemleak/hello_kernel="+hello, report), "", 1, "symbolize.txt", ""},
		{"symbolize what was written as JSON", with("symbolize", "-source", "/usr/src/kmemleak/hello_kernel="+hello), asJSON, 1, "symbolize.txt", ""},
		{"json", with("symbolize", "-format", "json"), text, 1, "symbolize.jsonl", ""},
		{"junit", with("symbolize", "-format=junit"), text, 1, "symbolize.xml", ""},
		{"openmetrics", with("symbolize", "-format", "openmetrics"), text, 1, "symbolize.prom", ""},
		{"the kernel has found more", with("symbolize", "-empty"), "[ 9.1] kmemleak: 8 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n", 2, "",
			"kmemleak symbolize: standard input: line 1: the kernel has found 8 leaks more than are in the text (its control file has them; its log does with kmemleak.verbose=1): \"[ 9.1] kmemleak: 8 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\"\n"},
		{"the kernel has stopped looking", with("symbolize", "-empty"), "kmemleak: Kernel memory leak detector disabled\n", 2, "",
			"kmemleak symbolize: standard input: line 1: kmemleak was switched off: \"kmemleak: Kernel memory leak detector disabled\"\n"},
		{"a report that is cut", with("symbolize", "-format", "openmetrics"), cut, 2, "damaged.prom",
			"kmemleak symbolize: standard input: line 112: record of object 0xffff95ff00a5a800: a line is cut: \"comm \\\"test\\\", pid 663\"\n"},
		{"no report", with("symbolize"), "[ 1.0] random: crng init done\n", 2, "", "kmemleak symbolize: standard input: " + noReport},
		{"nothing", with("symbolize"), "", 2, "", "kmemleak symbolize: standard input: " + noReport},
		{"nothing, as JUnit", with("symbolize", "-format", "junit"), "", 2, "nothing.xml", "kmemleak symbolize: standard input: " + noReport},
		{"nothing means no leaks", with("symbolize", "-empty"), "", 0, "no leaks\n", ""},
		{"somebody could not look", with("symbolize", "-empty"), failed, 2, "",
			`kmemleak symbolize: standard input: line 1: it says "find: kmemleak is switched off\x1b[31m"` + "\n"},
		{"one of two files", with("symbolize", "-format", "openmetrics", "-", "missing.txt"), text, 2, "failed.prom",
			"kmemleak symbolize: open missing.txt: no such file or directory\n"},
		{"JSON of other tools", with("symbolize", "-empty"), "[{\"addr\":\"0x1\"}]\n", 2, "",
			"kmemleak symbolize: standard input: line 1: not a kmemleak report: not one JSON object in each line (jq -c makes that)\n"},
		{"a folder", with("symbolize", "testdata"), "", 2, "", "kmemleak symbolize: read testdata: is a folder\n"},
		{"no ticks", with("explain", "-hz", "-1", report), "", 2, "",
			"kmemleak explain: -hz -1: no kernel has that\nusage: kmemleak explain [flags] [file ...] (try: kmemleak help explain)\n"},
		{"a flag behind a file", with("symbolize", report, "-empty"), "", 2, "",
			"kmemleak symbolize: flags come before files: -empty\nusage: kmemleak symbolize [flags] [file ...] (try: kmemleak help symbolize)\n"},
		{"a folder that is not there", []string{"symbolize", "-dir", "missing"}, text, 2, "",
			"kmemleak symbolize: -dir: stat missing: no such file or directory\n"},
		{"a snapshot that is none", []string{"symbolize", "-snapshot", report}, text, 2, "",
			"kmemleak symbolize: -snapshot " + report + ": kmemleak snapshot has not written this: invalid character 'u' looking for beginning of value\n"},

		{"a flag that nothing has filled", []string{"find", "-via", ""}, "", 2, "",
			"kmemleak find: -via is empty: leave it out, or see what was to fill it\nusage: kmemleak find [flags] [-- command [argument ...]] (try: kmemleak help find)\n"},
		{"a flag that nothing has filled, in a bisection", []string{"find", "-status=bisect", "-leak="}, "", 255, "",
			"kmemleak find: -leak is empty: leave it out, or see what was to fill it\nusage: kmemleak find [flags] [-- command [argument ...]] (try: kmemleak help find)\n"},

		{"explain a leak", with("explain", "-leak", "0xffff95ff00a5ac00"), text, 1, "explain.txt", ""},
		{"explain a place", with("explain", "-hz", "250", "-leak", "204e79c54e2fb69d"), text, 1, "explain-place.txt", ""},
		{"explain a place, in capital letters", with("explain", "-hz", "250", "-leak", "204E79C54E2FB69D"), text, 1, "explain-place.txt", ""},
		{"explain how much is live", with("explain", "-allocinfo", allocinfo, "-leak", "0xffff95ff00a5ac00"), text, 1, "explain-live.txt", ""},
		{"a mail", []string{"explain", "-release", "6.12.1", "-dir", helloDir, "-snapshot", modules, "-source", tree, "-format", "mail", "-leak", "0xffff95ff00a5ac00"},
			text, 1, "mail.txt", ""},
		{"a mail about several places", with("explain", "-format", "mail"), text, 2, "",
			"kmemleak explain: a mail is about one place, and there are 3; choose with -leak:\n" +
				"kmemleak explain: -leak 2a2b3f2db5b8094b, myfunc+0xa/0x20 [hello_kernel]\n" +
				"kmemleak explain: -leak 204e79c54e2fb69d, 0xffffffffc01d3017\n" +
				"kmemleak explain: -leak 22052d4a37622390, greet.constprop.0+0x19/0x60 [hello_kernel]\n"},
		{"a mail about nothing", with("explain", "-empty", "-format", "mail"), "", 2, "", "kmemleak explain: there are no leaks to write of\n"},
		{"explain what is not there", with("explain", "-leak", "0x1"), text, 2, "", "kmemleak explain: there is no leak \"0x1\"\n"},
		{"explain nothing", with("explain"), "", 2, "", "kmemleak explain: standard input: " + noReport},

		{"pprof of nothing", with("pprof"), "", 2, "", "kmemleak pprof: standard input: " + noReport},

		{"diff", with("diff", first, "-"), text, 1, "diff.txt", ""},
		{"diff as JSON", with("diff", "-format", "json", first, "-"), text, 1, "diff.jsonl", ""},
		{"diff backwards", with("diff", "-", first), text, 0, "0 new, 5 gone\n", ""},
		{"diff of places", with("diff", "-places", first, "-"), text, 1, "diff-places.txt", ""},
		{"diff of places that have more", with("diff", "-places", one, "-"), text, 1, "diff-places-more.txt", ""},
		{"diff of places that have more, backwards", with("diff", "-places", "-", one), text, 0, "0 new, 6 gone\n", ""},
		{"diff of places that have more, for CI", with("diff", "-places", "-format", "junit", one, "-"), text, 1, "diff-places-more.xml", ""},
		{"diff of other places", with("diff", "-places", "-", "../../testdata/reports/hello_kernel-6.1-x86_64.txt"), text, 0, "0 new, 0 gone\n", ""},
		{"diff with nothing", with("diff", first, "-"), "", 2, "", "kmemleak diff: standard input: " + noReport},
		{"diff with no leaks", with("diff", "-empty", first, "-"), "", 0, "0 new, 3 gone\n", ""},
		{"diff with a look that failed", with("diff", first, "-"), failed, 2, "",
			`kmemleak diff: standard input: line 1: it says "find: kmemleak is switched off\x1b[31m"` + "\n"},
		{"diff with a file that is not there", with("diff", "missing", "-"), text, 2, "", "kmemleak diff: open missing: no such file or directory\n"},
		{"a folder for the output that is not there", []string{"find", "-o", "/missing/x"}, "", 2, "", "kmemleak find: -o /missing/x: no such file or directory\n"},
		{"diff of one input", with("diff", "-empty", "-", "-"), text, 2, "",
			"kmemleak diff: standard input is read once: one of the two is a file\nusage: kmemleak diff [flags] before after (try: kmemleak help diff)\n"},
		{"windows in a format without tests", []string{"find", "-windows", "w", "-format", "openmetrics"}, "", 2, "",
			"kmemleak find: -windows: -format openmetrics has no place for tests\nusage: kmemleak find [flags] [-- command [argument ...]] (try: kmemleak help find)\n"},
		{"fewer scans than none", []string{"find", "-scans", "-3"}, "", 2, "",
			"kmemleak find: invalid value \"-3\" for flag -scans: parse error\nusage: kmemleak find [flags] [-- command [argument ...]] (try: kmemleak help find)\n"},
		{"diff of one", []string{"diff", "a"}, "", 2, "",
			"kmemleak diff: two files are compared\nusage: kmemleak diff [flags] before after (try: kmemleak help diff)\n"},

		{"help", []string{"help"}, "", 0, "help.txt", ""},
		{"-h", []string{"-h"}, "", 0, "help.txt", ""},
		{"nothing at all", nil, "", 2, "", readFileText(t, "testdata/help.txt")},
		{"help of a command", []string{"help", "find"}, "", 0, "help-find.txt", ""},
		{"-h of a command", []string{"find", "-h"}, "", 0, "help-find.txt", ""},
		{"help of none", []string{"help", "fnid"}, "", 2, "",
			"kmemleak help: there is no command \"fnid\": did you mean find?\nusage: kmemleak help [flags] [command | topic] (try: kmemleak help help)\n"},
		{"no command, as other programs call it", []string{"--versoin"}, "", 2, "", "kmemleak: there is no command \"--versoin\": did you mean version? (try: kmemleak help)\n"},
		{"no such command", []string{"fnid"}, "", 2, "", "kmemleak: there is no command \"fnid\": did you mean find? (try: kmemleak help)\n"},
		{"no such flag", []string{"scan", "-m"}, "", 2, "",
			"kmemleak scan: there is no flag -m\nusage: kmemleak scan [flags] (try: kmemleak help scan)\n"},
		{"no such format", []string{"watch", "-format", "junit"}, "", 2, "",
			"kmemleak watch: invalid value \"junit\" for flag -format: it is one of text, json\nusage: kmemleak watch [flags] (try: kmemleak help watch)\n"},
		{"a flag of another name", []string{"scan", "-fromat", "json"}, "", 2, "",
			"kmemleak scan: there is no flag -fromat: did you mean -format?\nusage: kmemleak scan [flags] (try: kmemleak help scan)\n"},
		{"help of a topic", []string{"help", "statuses"}, "", 0, conventionText + "\n", ""},
		{"arguments", []string{"clear", "all"}, "", 2, "",
			"kmemleak clear: no arguments are taken: all\nusage: kmemleak clear [flags] (try: kmemleak help clear)\n"},
		{"no such command to run", []string{"find", "--", "/no/such"}, "", 2, "",
			"kmemleak find: /no/such was not run: exec: \"/no/such\": stat /no/such: no such file or directory\n"},
		{"no such baseline", []string{"find", "-baseline", "missing"}, "", 2, "",
			"kmemleak find: open missing: no such file or directory\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := runWith(t, tt.stdin, tt.args...)
			out := tt.out
			switch filepath.Ext(out) {
			case ".txt", ".jsonl", ".xml", ".prom":
				golden(t, out, got.Out)
				out = got.Out
			}
			if diff := cmp.Diff(result{tt.status, out, tt.err}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The contents of the file are the same as on standard output, and appear all at once.
func TestRunOutputFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "leaks.xml")
	got := runWith(t, readFileText(t, report), "symbolize", "-release", "0", "-dir", helloDir, "-snapshot", modules, "-format", "junit", "-o", name)
	if diff := cmp.Diff(result{Status: 1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	golden(t, "symbolize.xml", readFileText(t, name))
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

// Programs that keep the output must learn that it is not complete.
func TestFullDisk(t *testing.T) {
	for _, args := range [][]string{
		{"help"}, {"help", "find"}, {"help", "-man"}, {"completion", "zsh"}, {"version"},
		{"symbolize", report}, {"pprof", report}, {"diff", report, report},
	} {
		var errs bytes.Buffer
		got := run(t.Context(), args, stdio{in: strings.NewReader(""), out: full{}, err: &errs})
		if want := fmt.Sprintf("kmemleak %s: no space\n", args[0]); got != statusError || errs.String() != want {
			t.Errorf("%v: status %d, %q, want %q", args, got, errs.String(), want)
		}
	}
}

// The names of the library's operations say nothing here, wherever they stand.
func TestFail(t *testing.T) {
	unavailable := fmt.Errorf("find: %w", kmemleak.ErrUnavailable)
	for _, tt := range []struct {
		err  error
		want string
	}{
		{unavailable, "kmemleak find: kmemleak is not available\n"},
		{notRunError{"insmod", unavailable}, "kmemleak find: insmod was not run: kmemleak is not available\n"},
		{errors.Join(unavailable, fmt.Errorf("probe: %w", kmemleak.ErrDisabled)), "kmemleak find: kmemleak is not available\nkmemleak find: kmemleak is switched off\n"},
	} {
		var b strings.Builder
		if status := (command{name: "find"}).fail(stdio{err: &b}, tt.err); status != statusError {
			t.Errorf("status %d", status)
		}
		if diff := cmp.Diff(tt.want, b.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
