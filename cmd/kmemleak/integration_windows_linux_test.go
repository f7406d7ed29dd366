// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// takeMark returns the cursor of now.
func takeMark(t *testing.T, flags ...string) string {
	t.Helper()
	got := runWith(t, "", append([]string{"mark"}, flags...)...)
	if got.Status != statusNone || got.Err != "" || strings.Count(got.Out, "\n") != 1 || len(strings.Fields(got.Out)) != 1 {
		t.Fatalf("%+v", got)
	}
	return strings.TrimSpace(got.Out)
}

// testsOf counts the leaks of each test and owner among lines of JSON.
func testsOf(t *testing.T, lines string) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for line := range strings.Lines(lines) {
		var l struct {
			Tests []string
			Owner struct{ Func string }
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		counts[strings.Join(append(l.Tests, l.Owner.Func), " ")]++
	}
	return counts
}

// TestIntegrationCommandWindows runs tests one after the other and pays for one search.
func TestIntegrationCommandWindows(t *testing.T) {
	lose := loadLeaky(t)
	file := filepath.Join(t.TempDir(), "windows")
	eventually(t, func() string {
		first := takeMark(t)
		runLose(t, lose("leak", 2))
		second := takeMark(t)
		runLose(t, lose("other", 3))
		third := takeMark(t)
		// This one writes seconds, as a script without this program would.
		begin := uptime(t)
		runLose(t, lose("leak", 4))
		end := uptime(t)
		fourth := takeMark(t)
		runLose(t, lose("leak", 1))
		text := fmt.Sprintf("# name from to\nnet/a %s %s\nnet/b %s %s\nnet c %s %s\nnet/d %s -\n", first, second, second, third, begin, end, fourth)
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		find := []string{"find", "-module", "leaky", "-dir", modulePath, "-windows", file}
		got := runWith(t, "", append(find, "-since", first, "-format", "json")...)
		want := map[string]int{"net/a lose_one": 2, "net/b lose_another": 3, "net c lose_one": 4, "net/d lose_one": 1}
		if diff := cmp.Diff(want, testsOf(t, got.Out)); diff != "" || got.Status != statusLeaks {
			return fmt.Sprintf("status %d, %s (-want +got):\n%s", got.Status, got.Err, diff)
		}
		sinceFile := filepath.Join(t.TempDir(), "cursor")
		if err := os.WriteFile(sinceFile, []byte(third+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		got = runWith(t, "", append(find, "-since", "@"+sinceFile, "-format", "ktap", "-status", "kselftest")...)
		var results []string
		for line := range strings.Lines(got.Out) {
			if !strings.HasPrefix(line, "#") {
				results = append(results, strings.TrimSpace(line))
			}
		}
		if diff := cmp.Diff([]string{"KTAP version 1", "1..5", "ok 1 search", "ok 2 net/a", "ok 3 net/b", "not ok 4 net c", "not ok 5 net/d"}, results); diff != "" {
			return diff
		}
		return ""
	})

	// What the kernel reports is there without another scan.
	got := runWith(t, "", "report", "-dir", modulePath, "-format", "json")
	if n := ofLeaky(t, got.Out); got.Status != statusLeaks || got.Err != "" || n < 10 {
		t.Errorf("report: %d leaks, want 10; status %d, %s", n, got.Status, got.Err)
	}
	if got := runWith(t, "", "find", "-since", takeMark(t), "-module", "leaky"); got.Status != statusNone || !strings.HasPrefix(got.Out, "no leaks") {
		t.Errorf("nothing was lost since: %+v", got)
	}
}

// uptime returns the seconds since boot, as a script reads them.
func uptime(t *testing.T) string {
	t.Helper()
	text, _, _ := strings.Cut(readFileText(t, "/proc/uptime"), " ")
	return text
}

// TestIntegrationCommandSinceUnloaded finds what a module has lost that was loaded and
// unloaded meanwhile: the cursor between the two knows where it lay.
func TestIntegrationCommandSinceUnloaded(t *testing.T) {
	need.Kernel(t, "")
	const hello = "/hello-kernel.ko" // make integration puts it there
	first := takeMark(t)
	load(t, hello)
	second := takeMark(t)
	if err := unix.DeleteModule("hello_kernel", 0); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "windows")
	if err := os.WriteFile(file, []byte("a "+first+" "+second+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	find := []string{"find", "-since", first, "-dir", hello, "-format", "json"}
	eventually(t, func() string {
		with := testsOf(t, runWith(t, "", append(find, "-windows", file)...).Out)
		if with["a myfunc"] == 0 || with["a greet"] == 0 {
			return fmt.Sprintf("owners %v", with)
		}
		return ""
	})
}

// TestIntegrationCommandSinceRefused takes no cursor of another boot, and no file that is
// not one.
func TestIntegrationCommandSinceRefused(t *testing.T) {
	need.Kernel(t, "")
	const other = "kmemleak1:01234567-89ab-cdef-0123-456789abcdef:4295012345:"
	file := filepath.Join(t.TempDir(), "windows")
	if err := os.WriteFile(file, []byte("a 1 2\nb "+other+" -\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-since", other}, {"-windows", file}} {
		got := runWith(t, "", append([]string{"find"}, args...)...)
		if got.Status != statusError || got.Out != "" || !strings.Contains(got.Err, "the cursor is of another boot") || !strings.Contains(got.Err, "take it with kmemleak mark") {
			t.Errorf("%v: %+v", args, got)
		}
		got = runWith(t, "", slices.Concat([]string{"find", "-status", "bisect"}, args)...)
		if got.Status != 125 {
			t.Errorf("%v: status %d, want 125", args, got.Status)
		}
	}
}

// TestIntegrationCommandLeak asks for one leak among others.
func TestIntegrationCommandLeak(t *testing.T) {
	lose := loadLeaky(t)
	find := func(args ...string) result {
		return runWith(t, "", slices.Concat([]string{"find", "-status", "bisect", "-dir", modulePath, "-format", "json"}, args)...)
	}
	eventually(t, func() string {
		got := find(append([]string{"-module", "leaky"}, lose("leak", 2)...)...)
		var l struct{ Fingerprint string }
		if line, _, _ := strings.Cut(got.Out, "\n"); json.Unmarshal([]byte(line), &l) != nil || got.Status != 1 {
			return fmt.Sprintf("%+v", got)
		}
		if got := find(append([]string{"-leak", l.Fingerprint}, lose("other", 3)...)...); got.Status != 0 || got.Out != "" || !strings.Contains(got.Err, "not the leak that -leak asks for: ") {
			return fmt.Sprintf("another leak is taken for it: %+v", got)
		}
		if got := find(append([]string{"-leak", l.Fingerprint}, lose("leak", 1)...)...); got.Status != 1 || ofLeaky(t, got.Out) != 1 {
			return fmt.Sprintf("%+v", got)
		}
		return ""
	})
}
