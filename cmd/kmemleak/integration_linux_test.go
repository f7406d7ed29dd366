// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"github.com/kmemleak/kmemleak/leakfmt"
)

// These tests run on kernels made for them; see make integration.

const modulePath = "/leaky.ko" // make integration puts it there

// TestMain is also the command that find runs, if the environment names a file and what
// to write to it: there is no other program where these tests run.
func TestMain(m *testing.M) {
	name, text, ok := strings.Cut(os.Getenv("KMEMLEAK_WRITE"), " ")
	if !ok {
		os.Exit(m.Run())
	}
	if err := os.WriteFile(name, []byte(text), 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// loadLeaky loads the module, which loses what is written to its parameters, and
// returns a command line that writes to one.
func loadLeaky(t *testing.T) (lose func(parameter string, n int) []string) {
	t.Helper()
	need.Kernel(t, "")
	load(t, modulePath)
	t.Cleanup(func() {
		if err := unix.DeleteModule("leaky", 0); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(parameter string, n int) []string {
		t.Setenv("KMEMLEAK_WRITE", fmt.Sprintf("/sys/module/leaky/parameters/%s %d", parameter, n))
		return []string{"--", self}
	}
}

// load loads a module.
func load(t *testing.T, name string) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil {
		t.Fatal(err)
	}
}

// eventually runs f until it finds no problem, but only a few times. A stale value in
// the kernel's memory may hide a leak for a while; a test must not expect fewer leaks
// because of that.
func eventually(t *testing.T, f func() (problem string)) {
	t.Helper()
	var problem string
	for range 5 {
		if problem = f(); problem == "" {
			return
		}
		t.Log("once more, for", problem)
	}
	t.Error(problem)
}

// TestIntegrationCommandFind finds the leaks of a command, and saves, compares and
// explains them.
func TestIntegrationCommandFind(t *testing.T) {
	lose := loadLeaky(t)
	first, second := filepath.Join(t.TempDir(), "first.jsonl"), filepath.Join(t.TempDir(), "second.jsonl")
	flags := []string{"find", "-module", "leaky", "-dir", modulePath, "-format", "json", "-o"}
	eventually(t, func() string {
		got := runWith(t, "", append(append(flags, first), lose("leak", 3)...)...)
		leaks, errText := readAll(t, readFileText(t, first))
		if got.Status != statusLeaks || got.Out != "" || errText != "" {
			t.Errorf("%+v, %s", got, errText)
		}
		if len(leaks) != 3 {
			return fmt.Sprintf("%d leaks, want 3", len(leaks))
		}
		return ""
	})
	var line struct {
		Owner struct{ Func, Module, Confidence string }
	}
	if err := json.Unmarshal([]byte(strings.SplitAfter(readFileText(t, first), "\n")[0]), &line); err != nil {
		t.Fatal(err)
	}
	if line.Owner.Func != "lose_one" || line.Owner.Module != "leaky" || line.Owner.Confidence != "proved" && line.Owner.Confidence != "consistent" {
		t.Errorf("owner %+v", line.Owner)
	}

	// Others lose something, too, and known leaks are left out or shown as known.
	eventually(t, func() string {
		got := runWith(t, "", append(append(flags, second), lose("other", 2)...)...)
		if got.Status != statusLeaks {
			return fmt.Sprintf("status %d, %s", got.Status, got.Err)
		}
		got = runWith(t, "", "diff", "-dir", modulePath, first, second)
		if got.Status != statusLeaks || !strings.HasPrefix(got.Out, "2 new, 3 gone\n2 leaks, ") || !strings.Contains(got.Out, "lose_another") {
			return fmt.Sprintf("%+v", got)
		}
		return ""
	})
	if got := runWith(t, "", "find", "-module", "leaky", "-baseline", first); strings.Contains(got.Out, "lose_one") {
		t.Errorf("the baseline is reported: %+v", got)
	}
	// A stale value may look like a reference in the last scan.
	got := runWith(t, "", "explain", "-live", "-dir", modulePath, first)
	if got.Status != statusLeaks || !strings.Contains(got.Out, "it is still there, and the last scan found ") {
		t.Errorf("%+v", got)
	}
}

// TestIntegrationCommandFails runs commands that fail and leak nothing.
func TestIntegrationCommandFails(t *testing.T) {
	lose := loadLeaky(t)
	find := []string{"find", "-module", "leaky"}
	if got := runWith(t, "", append(find, lose("leak", 0)...)...); got.Status != statusNone || got.Out != "no leaks\n" {
		t.Errorf("%+v", got)
	}
	command := lose("missing", 1)
	if got := runWith(t, "", append(find, command...)...); got.Status != statusCommand || !strings.Contains(got.Err, "exit status 1") {
		t.Errorf("%+v", got)
	}
	if got := runWith(t, "", "find", "--", "/missing"); got.Status != statusError || !strings.Contains(got.Err, "no such file") {
		t.Errorf("%+v", got)
	}
}

// TestIntegrationCommandScan scans and clears.
func TestIntegrationCommandScan(t *testing.T) {
	lose := loadLeaky(t)
	eventually(t, func() string {
		if got := runWith(t, "", "clear"); got != (result{}) {
			t.Errorf("%+v", got)
		}
		if got := runWith(t, "", "scan", "-n", "0"); strings.Contains(got.Out, "lose_one") {
			t.Errorf("it was cleared: %+v", got)
		}
		runLose(t, lose("leak", 4))
		time.Sleep(5100 * time.Millisecond) // the minimum age
		got := runWith(t, "", "scan", "-dir", modulePath, "-format", "json")
		// Leaks that were hidden before may appear now.
		if n := ofLeaky(t, got.Out); got.Status != statusLeaks || got.Err != "" || n < 4 {
			return fmt.Sprintf("%d leaks, want 4; status %d, %s", n, got.Status, got.Err)
		}
		return ""
	})
}

// TestIntegrationCommandWatch interrupts a watch after some rounds.
func TestIntegrationCommandWatch(t *testing.T) {
	lose := loadLeaky(t)
	textfile := filepath.Join(t.TempDir(), "kmemleak.prom")
	done := make(chan result)
	go func() {
		done <- runWith(t, "", "watch", "-interval", "1ms", "-format", "json", "-dir", modulePath, "-textfile", textfile)
	}()
	eventually(t, func() string {
		runLose(t, lose("leak", 2))
		for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
			b, err := os.ReadFile(textfile)
			_, metric, ok := strings.Cut(string(b), `,module="leaky",owner="lose_one"} `)
			if err == nil && ok && !strings.HasPrefix(metric, "1\n") {
				return ""
			}
		}
		return "want two leaks in the file for node_exporter"
	})
	time.Sleep(10 * time.Second) // another round, in which they are known
	if err := unix.Kill(os.Getpid(), unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	got := <-done
	if n := ofLeaky(t, got.Out); got.Status != statusLeaks || got.Err != "" || n < 2 {
		t.Errorf("%d leaks, want 2; status %d, %s", n, got.Status, got.Err)
	}
}

// runLose runs the command line of loadLeaky, without looking for leaks.
func runLose(t *testing.T, command []string) {
	t.Helper()
	if err := runCommand(t.Context(), stdio{in: strings.NewReader(""), out: os.Stdout, err: os.Stderr}, command[1:], true); err != nil {
		t.Fatal(err)
	}
}

// ofLeaky counts the leaks of the module among lines of JSON. None may be there twice.
func ofLeaky(t *testing.T, lines string) (n int) {
	t.Helper()
	seen := make(map[[2]uint64]bool)
	for leak, err := range leakfmt.ReadJSONLines(strings.NewReader(lines)) {
		if err != nil {
			t.Error(err)
		}
		if object := [2]uint64{leak.Addr, leak.Jiffies}; seen[object] {
			t.Errorf("0x%x is there twice", leak.Addr)
		} else {
			seen[object] = true
		}
		if module, _ := leak.Owner().Module(); module == "leaky" {
			n++
		}
	}
	return n
}

// TestIntegrationCommandSnapshot records where modules are.
func TestIntegrationCommandSnapshot(t *testing.T) {
	loadLeaky(t)
	got := runWith(t, "", "snapshot")
	var s kmemleak.Snapshot
	if err := json.Unmarshal([]byte(got.Out), &s); err != nil || got.Status != statusNone {
		t.Fatalf("%v, %+v", err, got)
	}
	if len(s.Modules) != 1 || s.Modules[0].Name != "leaky" || s.Modules[0].Sections[".text"] == 0 {
		t.Errorf("%+v", s)
	}
}

// TestIntegrationCommandOff checks that all commands that look for leaks report that
// kmemleak is off, and that none of them says that there are no leaks.
func TestIntegrationCommandOff(t *testing.T) {
	need.Kernel(t, "kmemleak=off")
	for _, args := range [][]string{
		{"find"}, {"find", "--", "/proc/self/exe"}, {"find", "-format", "json"}, {"scan"}, {"scan", "-n", "0"}, {"clear"}, {"watch"}, {"explain", "-live"},
		{"report"}, {"mark"},
	} {
		got := runWith(t, "", args...)
		if got.Status != statusError || !strings.Contains(got.Err, "kmemleak=off on the kernel command line") || strings.Contains(got.Out, "no leaks") {
			t.Errorf("%v: %+v", args, got)
		}
	}
}
