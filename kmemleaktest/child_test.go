// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleaktest

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

// TestChild runs this program once more, as tests do that need a process of their own.
// The child is not to wait for the lock, and not to look for leaks: the kernel of most
// machines cannot.
func TestChild(t *testing.T) {
	if os.Getenv("KMEMLEAK_CHILD") != "" {
		var out strings.Builder
		var suite Suite
		for what, code := range map[string]int{
			"VerifyTestMain": verifyMain(tests(0), &out, nil),
			"Suite":          suite.verifyMain(tests(0), &out, nil),
		} {
			if code != 0 || out.Len() > 0 {
				t.Errorf("%s: code %d and %q, want nothing but the tests", what, code, &out)
			}
		}
		r := &recorder{}
		VerifyNone(r, IgnoreCurrent())
		VerifyCleanup(r)
		suite.Track(r)
		suite.Verify(r)
		for _, f := range r.cleanups {
			f()
		}
		if len(r.errors)+len(r.skips) > 0 || len(r.logs) != 3 || !strings.Contains(r.logs[0], "a process that started this one holds the lock") {
			t.Errorf("errors %q, skips %q, logs %q, want notes", r.errors, r.skips, r.logs)
		}
		return
	}
	defer hold()()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), "KMEMLEAK_CHILD=1")
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.ENOEXEC) {
		t.Skip("this program cannot run itself: it is under an emulator (try: on a machine of its architecture)")
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestChild") {
		t.Errorf("the child: %v\n%s", err, out)
	}
}

func TestHold(t *testing.T) {
	t.Setenv(holderVariable, "")
	d := new(kmemleak.Detector)
	first, second := hold(), hold()
	if got := os.Getenv(holderVariable); got != strconv.Itoa(os.Getpid()) || isChild(d) {
		t.Errorf("the holder is %q, and this is its child: %v", got, isChild(d))
	}
	first()
	first()
	if os.Getenv(holderVariable) == "" {
		t.Error("the second one holds it no more")
	}
	second()
	if got, ok := os.LookupEnv(holderVariable); ok {
		t.Errorf("the holder is %q, want none", got)
	}
	os.Setenv(holderVariable, strconv.Itoa(os.Getppid()))
	if !isChild(d) || isChild(&kmemleak.Detector{Transport: new(answering)}) {
		t.Error("a child of the holder is none, or another machine's lock is held")
	}
}

// A variable that nobody is behind must not keep tests from looking for leaks.
func TestHolderGone(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if err := cmd.Run(); errors.Is(err, syscall.ENOEXEC) {
		t.Skip("this program cannot run itself: it is under an emulator (try: on a machine of its architecture)")
	} else if err != nil {
		t.Fatal(err)
	}
	// In a container it may be that the holder is only hidden.
	space, _ := os.Readlink("/proc/self/ns/pid")
	hidden := space != "pid:[4026531836]"
	for holder, want := range map[string]bool{
		"": false, "nobody": false, "0": false, "-1": false, strconv.Itoa(os.Getppid()): true, "1": true, strconv.Itoa(cmd.Process.Pid): hidden,
	} {
		t.Setenv(holderVariable, holder)
		if got := isChild(new(kmemleak.Detector)); got != want {
			t.Errorf("%q: child %v, want %v", holder, got, want)
		}
	}
}

// The lock is known to be held as long as it is.
func TestHeld(t *testing.T) {
	t.Setenv(holderVariable, "")
	s := begin(kerneltest.New(t).Detector())
	if s.err != nil || os.Getenv(holderVariable) == "" {
		t.Errorf("%v, the holder is not known", s.err)
	}
	s.unlock()
	if os.Getenv(holderVariable) != "" {
		t.Error("there is a holder after the end")
	}
}

func TestFuzzWorker(t *testing.T) {
	worker := flag.Lookup("test.fuzzworker")
	if worker == nil {
		t.Fatal("package testing has no flag test.fuzzworker")
	}
	defer worker.Value.Set(worker.Value.String())
	for _, on := range []bool{true, false} {
		worker.Value.Set(strconv.FormatBool(on))
		leaky := &answering{off: true}
		var out strings.Builder
		code := verifyMain(tests(0), &out, []Option{leaky.on()})
		suite := Suite{Detector: &kmemleak.Detector{Transport: leaky}}
		if suiteCode := suite.verifyMain(tests(0), &out, nil); (code == 0) != on || code != suiteCode {
			t.Errorf("worker %v: codes %d and %d, %s", on, code, suiteCode, &out)
		}
	}
}
