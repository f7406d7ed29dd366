// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
)

// sourceLines maps each comment /* leak: … */ or /* call: … */ of hello.c to its line.
func sourceLines(t *testing.T) map[string]int {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(helloDir, "hello.c"))
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]int)
	number := 0
	for line := range strings.Lines(string(source)) {
		number++
		if _, comment, ok := strings.Cut(line, "; /* "); ok {
			comment, _, _ = strings.Cut(comment, " */")
			lines[comment] = number
		}
	}
	return lines
}

// place is a position as the tests compare it.
func place(p kmemleak.Pos) string {
	return fmt.Sprintf("%s %s:%d", p.Func, filepath.Base(p.File), p.Line)
}

func TestIntegrationTenSteps(t *testing.T) {
	kernel := need.Kernel(t, "")
	d := manualScans(t)
	if err := d.Probe(); err != nil {
		t.Fatal(err)
	}
	clearOthers(t, d)
	h, leaks := leakAll(t, kernel, func(h hello) []kmemleak.Leak { return h.find(t, d) })

	now, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	capture(t, kernel, now.Modules)
	s := kmemleak.Symbolizer{Dirs: []string{h.file()}, Modules: now.Modules}
	defer s.Close()
	checkHello(t, kernel, &s, leaks)
}

// clearOthers clears what other tests have leaked and not looked for, which has no place
// in a capture. It takes two scans, since an object that changes is reported by the
// second only.
func clearOthers(t *testing.T, d *kmemleak.Detector) {
	t.Helper()
	time.Sleep(minAge)
	for range 2 {
		if err := d.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
}

// checkHello wants every function of hello.c in the backtraces, those too that
// the kernel lost.
func checkHello(t *testing.T, kernel string, s *kmemleak.Symbolizer, leaks []kmemleak.Leak) {
	t.Helper()
	at := sourceLines(t)
	line := func(function, comment string) string {
		if at[comment] == 0 {
			t.Fatalf("hello.c has no comment %q", comment)
		}
		return fmt.Sprintf("%s hello.c:%d", function, at[comment])
	}
	init := line("hello_init", "call: myfunc")
	greeting := strings.Join([]string{
		line("greeting_alloc", "leak: greeting"),
		line("greeting_new", "call: greeting_alloc"),
		line("greet", "call: greeting_new"),
		line("hello_init", "call: greet"),
	}, " < ")
	want := []string{
		line("myfunc", "leak: first page") + " < " + init,
		line("myfunc", "leak: second page") + " < " + init,
		// A jump on x86_64, so that the kernel lost myfunc.
		line("myfunc", "leak: third page, a tail call") + " < " + init,
		greeting, greeting, greeting, greeting, greeting,
	}
	if strings.HasPrefix(kernel, "7.") {
		want[2] = "myfunc hello.c:0 < " + init // vmalloc jumps on, which the kernel's file would show
	}
	if len(leaks) != len(want) {
		t.Fatalf("%d leaks, want %d", len(leaks), len(want))
	}
	for i, leak := range leaks {
		if got := ownPlaces(s, leak); got != want[i] {
			t.Errorf("leak %d:\n got %s\nwant %s\n%v", i, got, want[i], leak)
		}
	}
}

// ownPlaces symbolizes a backtrace and lists the places in hello.c, innermost first.
func ownPlaces(s *kmemleak.Symbolizer, leak kmemleak.Leak) string {
	var places []string
	for _, call := range s.Backtrace(leak.Backtrace) {
		if call.Confidence < kmemleak.Assumed {
			continue
		}
		for _, pos := range call.Pos {
			if filepath.Base(pos.File) == "hello.c" {
				places = append(places, place(pos))
			}
		}
	}
	return strings.Join(places, " < ")
}

// capture leaves the report, and where the module lies, for the host, which keeps
// them as fixtures.
func capture(t *testing.T, kernel string, modules []kmemleak.Module) {
	t.Helper()
	report, err := os.ReadFile("/sys/kernel/debug/kmemleak")
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := json.MarshalIndent(modules, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	name := "/out/hello_kernel-" + kernel
	if err := errors.Join(
		os.WriteFile(name+".txt", report, 0o644),
		os.WriteFile(name+".modules.json", append(snapshot, '\n'), 0o644),
	); err != nil {
		t.Fatal(err)
	}
}
