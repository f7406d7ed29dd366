// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleaktest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

// These tests run on kernels made for them; see make integration. They run themselves
// once more as the tests of a user, TestUser…, and examine the output.

const modulePath = "/leaky.ko" // make integration puts it there

var userSuite Suite

func TestMain(m *testing.M) {
	switch os.Getenv("KMEMLEAK_USER") {
	case "VerifyTestMain":
		VerifyTestMain(m, kmemleak.InModule("leaky"))
	case "Suite":
		userSuite.VerifyTestMain(m, kmemleak.InModule("leaky"))
	}
	os.Exit(m.Run())
}

// user skips a user's test unless another test runs it.
func user(t *testing.T) {
	if os.Getenv("KMEMLEAK_USER") == "" {
		t.Skip("is run by another test (try: make integration)")
	}
}

func lose(t *testing.T, parameter string, n int) {
	t.Helper()
	if err := os.WriteFile("/sys/module/leaky/parameters/"+parameter, fmt.Append(nil, n), 0); err != nil {
		t.Fatal(err)
	}
}

func TestUserVerifyNone(t *testing.T) {
	user(t)
	defer VerifyNone(t, IgnoreCurrent(), kmemleak.InModule("leaky"),
		kmemleak.WithSymbolizer(&kmemleak.Symbolizer{Dirs: []string{modulePath}}))
	lose(t, "leak", 3)
	lose(t, "other", 2)
}

func TestUserOne(t *testing.T) {
	user(t)
	defer VerifyNone(t, IgnoreCurrent(), kmemleak.InModule("leaky"))
	lose(t, "leak", 4)
}

func TestUserOther(t *testing.T) {
	user(t)
	defer VerifyNone(t, IgnoreCurrent(), kmemleak.InModule("leaky"))
	lose(t, "other", 6)
}

func TestUserSinceStart(t *testing.T) {
	user(t)
	defer VerifyNone(t, kmemleak.InModule("leaky"))
}

func TestUserSkip(t *testing.T) {
	user(t)
	defer VerifyNone(t, SkipIfUnavailable())
}

func TestUserSuite(t *testing.T) {
	user(t)
	for _, tt := range []struct {
		name, parameter string
		n               int
	}{{"A", "leak", 2}, {"B", "other", 3}, {"C", "leak", 0}, {"D", "leak", 1}} {
		t.Run(tt.name, func(t *testing.T) {
			userSuite.Track(t)
			lose(t, tt.parameter, tt.n)
		})
	}
}

// loadLeaky loads the module and makes it lose objects for which no test is to blame.
func loadLeaky(t *testing.T) {
	t.Helper()
	need.Kernel(t, "")
	file, err := os.Open(modulePath)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.DeleteModule("leaky", 0); err != nil {
			t.Error(err)
		}
	})
	lose(t, "leak", 5)
}

// userTest returns the command that runs a user's test.
func userTest(mode, name string, env ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], "-test.run=^"+name+"$")
	c.Env = append(os.Environ(), append(env, "KMEMLEAK_USER="+mode)...)
	return c
}

func run(t *testing.T, mode, name string, env ...string) (output string, passed bool) {
	t.Helper()
	out, err := userTest(mode, name, env...).CombinedOutput()
	t.Logf("%s:\n%s", name, out)
	return string(out), err == nil
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

// changing matches what differs from run to run.
var changing = regexp.MustCompile(`_test.go:\d+|thread \d+|\(\d+\.\d+s\)|/tmp/[^ \n]*|\+0x[0-9a-f]+/0x[0-9a-f]+`)

// TestIntegrationFailure checks the output that a user sees.
func TestIntegrationFailure(t *testing.T) {
	loadLeaky(t)
	var out string
	eventually(t, func() string {
		var passed bool
		if out, passed = run(t, "1", "TestUserVerifyNone"); passed {
			t.Error("it passed")
		}
		path := regexp.MustCompile(`whole report: (.*)`).FindStringSubmatch(out)
		if path == nil {
			return "no path of the whole report"
		}
		if n := len(parseFile(t, path[1])); n != 5 {
			return fmt.Sprintf("a report of %d leaks, want 5", n)
		}
		return ""
	})
	got := changing.ReplaceAllStringFunc(out, func(s string) string {
		return regexp.MustCompile(`[0-9a-f.]*\d[0-9a-zA-Z._/-]*`).ReplaceAllString(s, "N")
	})
	golden := filepath.Join("testdata", "failure-"+os.Getenv("KMEMLEAK_KERNEL")+".txt")
	want, err := os.ReadFile(golden)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s, %v (-want +got):\n%s", golden, err, diff)
	}
	if err := os.WriteFile(filepath.Join("/out", filepath.Base(golden)), []byte(got), 0o644); err != nil {
		t.Error(err)
	}
}

func parseFile(t *testing.T, path string) []kmemleak.Leak {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	leaks, err := kmemleak.Parse(file)
	if err != nil {
		t.Error(err)
	}
	return leaks
}

func TestIntegrationSinceStart(t *testing.T) {
	loadLeaky(t) // before the user's program starts
	if out, passed := run(t, "1", "TestUserSinceStart"); !passed {
		t.Errorf("blamed for leaks made before it started:\n%s", out)
	}
}

func TestIntegrationVerifyTestMain(t *testing.T) {
	loadLeaky(t)
	// The suite's tests do not look for leaks here; their Track only takes notes.
	eventually(t, func() string {
		out, passed := run(t, "VerifyTestMain", "TestUserSuite")
		if passed || !strings.Contains(out, "kmemleak: 6 leaks") {
			return "want 6 leaks"
		}
		return ""
	})
}

func TestIntegrationSuite(t *testing.T) {
	loadLeaky(t)
	eventually(t, func() string {
		out, passed := run(t, "Suite", "TestUserSuite")
		if strings.Contains(out, "TestUserSuite/C:") || strings.Contains(out, "outside of any test") {
			t.Error("blames what does not leak")
		}
		for _, want := range []string{"TestUserSuite/A: kmemleak: 2 leaks", "TestUserSuite/B: kmemleak: 3 leaks", "TestUserSuite/D: kmemleak: 1 leak"} {
			if passed || strings.Count(out, want) != 1 {
				return fmt.Sprintf("want %q once", want)
			}
		}
		return ""
	})
}

// TestIntegrationTwoPackages runs two programs at once, as go test does.
func TestIntegrationTwoPackages(t *testing.T) {
	loadLeaky(t)
	eventually(t, func() string {
		outputs := make(chan string, 2)
		for _, name := range []string{"TestUserOne", "TestUserOther"} {
			go func() {
				out, _ := userTest("1", name).CombinedOutput()
				outputs <- string(out)
			}()
		}
		all := <-outputs + <-outputs
		t.Log(all)
		if strings.Contains(all, "places") {
			t.Error("leaks of one program are blamed on the other")
		}
		for _, want := range []string{"kmemleak: 4 leaks, ", "kmemleak: 6 leaks, "} {
			if strings.Count(all, want) != 1 {
				return fmt.Sprintf("want %q once: each its own", want)
			}
		}
		return ""
	})
}

func TestIntegrationSkipIfUnavailable(t *testing.T) {
	need.Kernel(t, "kmemleak=off")
	if _, passed := run(t, "1", "TestUserSkip", "KMEMLEAK="); !passed {
		t.Error("it was not skipped")
	}
	out, passed := run(t, "1", "TestUserSkip", "KMEMLEAK=require")
	if passed || !strings.Contains(out, "kmemleak=off on the kernel command line") {
		t.Error("it did not fail with the cause")
	}
	out, passed = run(t, "1", "TestUserOne", "KMEMLEAK=")
	if passed || !strings.Contains(out, "kmemleak=off on the kernel command line") {
		t.Error("it did not fail with the cause")
	}
}
