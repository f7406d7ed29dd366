// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
)

// leaksAt returns leaks of these ticks.
func leaksAt(ticks ...uint64) (leaks []kmemleak.Leak) {
	for i, tick := range ticks {
		leaks = append(leaks, kmemleak.Leak{
			Addr: 0xffff888000000000 + uint64(i)<<12, Size: 64, Comm: "test # SKIP", PID: 1, Jiffies: tick,
			Backtrace: []kmemleak.Frame{{Func: "lose", Offset: 1, Size: 2, Module: "leaky"}},
		})
	}
	return leaks
}

var windows = []kmemleak.Window{{Name: "net/a", From: 10, To: 19}, {Name: "- 7 # SKIP", From: 20, To: 29}, {Name: "net/c", From: 25, To: 35}}

func TestKTAP(t *testing.T) {
	failed := errors.New("kmemleak is switched off\nok 1 fine")
	for _, tt := range []struct {
		name  string
		leaks []kmemleak.Leak
		o     *Options
		want  []string // results
	}{
		{"no leaks", nil, nil, []string{"ok 1 search"}},
		{"could not look", nil, &Options{Err: failed}, []string{"not ok 1 search"}},
		{"leaks", leaksAt(1, 2), nil, []string{"ok 1 search", "not ok 2 leaky: lose"}},
		{"no test leaked", nil, &Options{Windows: windows}, []string{"ok 1 search", "ok 2 net/a", "ok 3 7 _ SKIP", "ok 4 net/c"}},
		{"tests", leaksAt(1, 10, 26), &Options{Windows: windows}, []string{
			"ok 1 search", "not ok 2 net/a", "ok 3 7 _ SKIP", "ok 4 net/c", "not ok 5 outside of any test", "not ok 6 one of - 7 _ SKIP, net/c, which ran at the same time"}},
		{"nobody knows", leaksAt(10), &Options{Windows: windows, Err: failed}, []string{"not ok 1 search", "not ok 2 net/a", "not ok 3 7 _ SKIP", "not ok 4 net/c"}},
		{"no tests", leaksAt(10), &Options{Windows: []kmemleak.Window{}}, []string{"ok 1 search", "not ok 2 outside of any test"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := KTAP(&b, tt.leaks, tt.o); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
			if diff := cmp.Diff([]string{"KTAP version 1", fmt.Sprintf("1..%d", len(tt.want))}, lines[:2]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var got []string
			for _, line := range lines[2:] {
				if !strings.HasPrefix(line, "# ") {
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\nin\n%s", diff, &b)
			}
			checkTAP(t, b.String(), tt.want)
		})
	}
}

// checkTAP has Perl's reader of this protocol read the results.
func checkTAP(t *testing.T, text string, want []string) {
	t.Helper()
	need.Tools(t, "perl", "perl")
	cmd := exec.Command("perl", "-MTAP::Parser", "-e", `local $/; my $p = TAP::Parser->new({tap => <STDIN>});
		while (my $r = $p->next) { print(($r->is_ok && !$r->has_skip ? "ok" : "not ok"), " ", $r->number, " ", $r->description, "\n") if $r->is_test }
		print "bad: $_\n" for $p->parse_errors`)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if diff := cmp.Diff(strings.Join(want, "\n")+"\n", string(out)); diff != "" {
		t.Errorf("perl reads (-want +got):\n%s", diff)
	}
}

// The other formats say the same of tests.
func TestWindows(t *testing.T) {
	leaks := leaksAt(1, 10, 26)
	o := &Options{Windows: windows, Color: Never, Detail: Brief}
	var text, lines, junit bytes.Buffer
	if err := errors.Join(Text(&text, leaks, o), JSONLines(&lines, leaks, o), JUnit(&junit, leaks, o)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 leaks, 192 bytes in all\n", "\noutside of any test: 1 leak, 64 bytes in all\n", "\nnet/a: 1 leak, 64 bytes", "\none of - 7 # SKIP"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	var got [][]string
	for line := range strings.Lines(lines.String()) {
		var l struct{ Tests []string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l.Tests)
	}
	if diff := cmp.Diff([][]string{{}, {"net/a"}, {"- 7 # SKIP", "net/c"}}, got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	for _, want := range []string{
		`tests="6" failures="3" errors="0"`, `name="net/c"></testcase>`, `name="outside of any test">`, `name="net/a">`,
	} {
		if !strings.Contains(junit.String(), want) {
			t.Errorf("no %q in\n%s", want, &junit)
		}
	}
}
