// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleaktest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

var (
	_ T  = testing.TB(nil)
	_ TC = testing.TB(nil)
	_ M  = (*testing.M)(nil)
)

// recorder is a T that records its calls.
type recorder struct {
	dir      string // of artifacts
	logs     []string
	errors   []string
	skips    []string
	cleanups []func()
	name     string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Name() string              { return r.name }
func (r *recorder) ArtifactDir() string       { return r.dir }
func (r *recorder) Cleanup(f func())          { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Logf(f string, a ...any)   { r.logs = append(r.logs, fmt.Sprintf(f, a...)) }
func (r *recorder) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }
func (r *recorder) Skipf(f string, a ...any)  { r.skips = append(r.skips, fmt.Sprintf(f, a...)) }

// answering is a transport to a kernel that answers from memory.
type answering struct {
	report  string
	off     bool
	jiffies uint64
}

func (m *answering) Run(_ context.Context, script string, w io.Writer) error {
	answer, status := "", 0
	switch {
	case strings.Contains(script, "mountinfo"):
		answer = "|25 20 0:7 / /sys/kernel/debug rw - debugfs debugfs rw\n"
	case strings.Contains(script, "timer_list"):
		m.jiffies++
		answer = fmt.Sprintf("|jiffies: %d\n", m.jiffies)
	case strings.Contains(script, "/stat "):
		answer = "|2 (kthreadd) S 0 0 0 0 -1 2129984 0 0\n"
	case strings.Contains(script, "min_unref"):
		answer, status = "|cat: min_unref_scans: No such file or directory\n", 1
	case strings.Contains(script, "printf"):
		if m.off {
			answer, status = "|cat: write error: Operation not permitted\n", 1
		} else if strings.Contains(script, "'?'") {
			answer, status = "|cat: write error: Invalid argument\n", 1
		}
	case strings.Contains(script, "cat '/sys/kernel/debug/kmemleak'"):
		var b strings.Builder
		for line := range strings.Lines(m.report) {
			b.WriteString("[   12.345678] a message of the kernel\r\n|" + strings.TrimSuffix(line, "\n") + "\r\n")
		}
		answer = b.String()
	}
	_, err := fmt.Fprintf(w, "%s|= %d\n", answer, status)
	return err
}

func (m *answering) on() Option { return On(&kmemleak.Detector{Transport: m}) }

// leak prints leaks of one size from one function.
func leak(n, size int, function string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(kmemleak.Leak{
			Addr: 0xffff888000000000 + uint64(size*1000+i)*64, Size: uint64(size), Comm: "x\x1b[31m", PID: 7, Jiffies: 4294900000,
			Backtrace: []kmemleak.Frame{
				{Func: "kmem_cache_alloc", Offset: 1, Size: 0x10},
				{Func: function, Offset: 1, Size: 0x10, Module: "m"},
			},
		}.String())
	}
	return b.String()
}

func TestVerifyNone(t *testing.T) {
	var many string
	for i := range 100 {
		many += leak(100-i, 64+i, fmt.Sprintf("lose_%d", i))
	}
	for _, tt := range []struct {
		name        string
		machine     answering
		opts        []Option
		require     bool
		error, skip []string // what it must say; nil: nothing
		lines       int      // maximum number of the failure's lines
	}{
		{name: "no leak"},
		{name: "one leak", machine: answering{report: leak(1, 64, "lose")}, error: []string{"1 leak, 64 bytes", "lose+0x1/0x10 [m]", `"x\x1b[31m"`, "whole report: "}, lines: 6},
		{name: "many leaks", machine: answering{report: many}, error: []string{"5050 leaks", "from 100 places", "and 95 places more"}, lines: 30},
		{name: "ignored", machine: answering{report: leak(1, 64, "lose")}, opts: []Option{kmemleak.IgnoreFunc("lose")}},
		{name: "switched off", machine: answering{off: true}, error: []string{"switched off", "SkipIfUnavailable"}},
		{name: "skipped", machine: answering{off: true}, opts: []Option{SkipIfUnavailable()}, skip: []string{"switched off"}},
		{name: "required", machine: answering{off: true}, opts: []Option{SkipIfUnavailable()}, require: true, error: []string{"switched off", "KMEMLEAK=require"}},
		{name: "damaged report", machine: answering{report: "unreferenced object 0x1 (size 2):\n"}, opts: []Option{SkipIfUnavailable()}, error: []string{"line 1: expected comm"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("KMEMLEAK", map[bool]string{true: "require"}[tt.require])
			t.Setenv("TMPDIR", t.TempDir())
			r := &recorder{dir: t.TempDir(), name: t.Name()}
			synctest.Test(t, func(*testing.T) { VerifyNone(r, append(tt.opts, tt.machine.on())...) })
			check(t, "errors", r.errors, tt.error)
			check(t, "skips", r.skips, tt.skip)
			if tt.machine.off != (len(r.logs) == 0) || len(r.logs) > 0 && !strings.Contains(r.logs[0], "could not be watched") {
				t.Errorf("logs %q, want the doubt of a search", r.logs)
			}
			if n := strings.Count(strings.Join(r.errors, "\n"), "\n") + 1; tt.lines > 0 && n > tt.lines {
				t.Errorf("%d lines of failure, want %d at most:\n%s", n, tt.lines, r.errors)
			}
			if strings.ContainsRune(strings.Join(r.errors, ""), '\x1b') {
				t.Errorf("the failure holds escape bytes: %q", r.errors)
			}
			if tt.machine.report != "" && len(tt.error) > 0 && tt.lines > 0 {
				checkSaved(t, r, tt.machine.report)
			}
		})
	}
}

// TestVerifyNoneKernel is a test of users who have package kerneltest.
func TestVerifyNoneKernel(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		k := kerneltest.New(t)
		k.Alloc(kmemleak.Leak{Comm: "before"})
		time.Sleep(time.Second)
		r := &recorder{dir: t.TempDir(), name: t.Name()}
		opts := []Option{On(k.Detector())}
		for _, want := range [][]string{{"1 leak, 64 bytes", `"before"`}, nil} {
			r.errors = nil
			VerifyNone(r, opts...)
			check(t, "errors", r.errors, want)
			opts = append(opts, kmemleak.Ignore(func(l kmemleak.Leak) bool { return l.Comm == "before" }))
		}
	})
}

// TestVerifyCleanup wants what is lost from the call to the cleanup, as parallel
// subtests do.
func TestVerifyCleanup(t *testing.T) {
	t.Setenv("KMEMLEAK", "")
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		k := kerneltest.New(t)
		for _, want := range [][]string{{"1 leak, 64 bytes", `"during"`}, nil} {
			k.Alloc(kmemleak.Leak{Comm: "before"})
			time.Sleep(time.Second)
			r := &recorder{dir: t.TempDir(), name: t.Name()}
			VerifyCleanup(r, On(k.Detector()))
			if want != nil {
				k.Alloc(kmemleak.Leak{Comm: "during"})
			}
			check(t, "errors before the cleanup", r.errors, nil)
			for _, f := range r.cleanups {
				f()
			}
			check(t, "errors", r.errors, want)
		}
		k.Write("off", "")
		r := &recorder{}
		VerifyCleanup(r, On(k.Detector()), SkipIfUnavailable())
		check(t, "skips", r.skips, []string{"switched off"})
		if r.cleanups != nil {
			t.Error("there is a cleanup of a test that was skipped")
		}
	})
}

// TestVerifyTogether wants the note at each of the tests that search at the same time.
func TestVerifyTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kernels [2]*kerneltest.Kernel // two, as searches of one take turns
		var together [2]*recorder
		for i := range together {
			kernels[i], together[i] = kerneltest.New(t), &recorder{name: fmt.Sprint("Test", i)}
		}
		release := kernels[0].HoldLock()
		kernels[1].HoldLock()
		var all sync.WaitGroup
		for i, r := range together {
			all.Go(func() { VerifyNone(r, On(kernels[i].Detector())) })
		}
		synctest.Wait()
		release()
		time.Sleep(time.Minute)
		VerifyNone(&recorder{name: "Test2"}, On(kerneltest.New(t).Detector()))
		kernels[1].Fail(kerneltest.Lock, kmemleak.ErrDisabled) // ends the second one
		all.Wait()
		check(t, "logs of the first", together[0].logs, []string{"Test1 looked for leaks at the same time"})
		check(t, "logs of the second", together[1].logs, []string{"Test0, Test2 looked for leaks at the same time"})
	})
}

// check checks that there is one text with all words, or none if words is nil.
func check(t *testing.T, what string, texts, words []string) {
	t.Helper()
	if (len(texts) == 1) != (words != nil) || len(texts) > 1 {
		t.Errorf("%s: %q, want one with %q", what, texts, words)
		return
	}
	for _, word := range words {
		if !strings.Contains(texts[0], word) {
			t.Errorf("%s: %q does not say %q", what, texts[0], word)
		}
	}
}

// checkSaved checks that the failure names a file with the whole report, and that it
// is among the artifacts.
func checkSaved(t *testing.T, r *recorder, report string) {
	t.Helper()
	_, named, _ := strings.Cut(r.errors[0], "whole report: ")
	for _, path := range []string{named, filepath.Join(r.dir, "kmemleak.txt")} {
		saved, err := os.ReadFile(path)
		if err != nil || string(saved) != report {
			t.Errorf("%s holds %d bytes, %v, want %d", path, len(saved), err, len(report))
		}
	}
}

type tests int

func (n tests) Run() int { return int(n) }

func TestVerifyMain(t *testing.T) {
	t.Setenv("KMEMLEAK", "")
	t.Setenv("TMPDIR", t.TempDir())
	leaky := answering{report: strings.ReplaceAll(leak(2, 64, "lose"), "jiffies 4294900000", "jiffies 3")}
	for _, tt := range []struct {
		name    string
		machine answering
		tests   tests
		opts    []Option
		code    int
		says    string
	}{
		{name: "no leak", code: 0, says: "not sure: who else writes to the control file could not be watched: nobody can be watched on another machine"},
		{name: "leaks", machine: leaky, code: 1, says: "2 leaks"},
		{name: "tests fail", machine: leaky, tests: 3, code: 3},
		{name: "cannot look", machine: answering{off: true}, code: 1, says: "switched off"},
		{name: "need not look", machine: answering{off: true}, opts: []Option{SkipIfUnavailable()}, code: 0, says: "leaks are not looked for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			var code int
			synctest.Test(t, func(*testing.T) { code = verifyMain(tt.tests, &out, append(tt.opts, tt.machine.on())) })
			if code != tt.code || !strings.Contains(out.String(), tt.says) || (tt.says == "") != (out.Len() == 0) {
				t.Errorf("code %d and %q, want %d and %q", code, &out, tt.code, tt.says)
			}
		})
	}
}

func TestSuite(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	m := &answering{}
	s := Suite{Detector: &kmemleak.Detector{Transport: m}}
	var when []uint64
	for _, name := range []string{"TestA", "TestB"} {
		r := &recorder{name: name}
		s.Track(r)
		when = append(when, m.jiffies+1)
		m.jiffies += 10
		for _, f := range slices.Backward(r.cleanups) {
			f()
		}
	}
	m.report = strings.ReplaceAll(leak(2, 64, "lose"), "jiffies 4294900000", fmt.Sprint("jiffies ", when[0])) +
		strings.ReplaceAll(leak(1, 32, "lose"), "jiffies 4294900000", fmt.Sprint("jiffies ", when[1]))
	r := &recorder{dir: t.TempDir()}
	synctest.Test(t, func(*testing.T) { s.Verify(r) })
	if len(r.errors) != 2 || !strings.HasPrefix(r.errors[0], "TestA: kmemleak: 2 leaks") || !strings.HasPrefix(r.errors[1], "TestB: kmemleak: 1 leak") {
		t.Errorf("%q, want two leaks of TestA and one of TestB", r.errors)
	}
}

// A test calls Verify by itself, and a test fails.
func TestSuiteVerifiedBefore(t *testing.T) {
	s := Suite{Detector: &kmemleak.Detector{Transport: &answering{}}}
	var out strings.Builder
	code := 0
	synctest.Test(t, func(*testing.T) {
		code = s.verifyMain(running(func() int { s.Verify(&recorder{}); return 5 }), &out, nil)
	})
	if code != 5 || out.Len() > 0 {
		t.Errorf("code %d and %q, want 5", code, &out)
	}
}

// running are tests that do something.
type running func() int

func (r running) Run() int { return r() }

// Options that make no sense for a call are refused by it, and the lock is released.
func TestRefused(t *testing.T) {
	one, other := &answering{}, &answering{}
	on := func(m *answering) Option { return m.on() }
	d := &kmemleak.Detector{Transport: one}
	for _, tt := range []struct {
		name string
		call func(T)
		want string
	}{
		{"two kernels", func(t T) { VerifyNone(t, on(other), IgnoreCurrent(On(d))) }, "another kernel"},
		{"one kernel", func(t T) { VerifyNone(t, On(d), IgnoreCurrent(On(d))) }, ""},
		{"On within IgnoreCurrent alone", func(t T) { VerifyNone(t, IgnoreCurrent(On(d))) }, ""},
		{"IgnoreCurrent of a cleanup", func(t T) { VerifyCleanup(t.(TC), On(d), IgnoreCurrent(On(d))) }, "takes no IgnoreCurrent"},
		{"twice", func(t T) { VerifyNone(t, IgnoreCurrent(On(d)), IgnoreCurrent(On(d))) }, "given twice"},
		{"used again", func(t T) {
			option := IgnoreCurrent(On(d))
			VerifyNone(&recorder{}, option)
			VerifyNone(t, option)
		}, "one VerifyNone only"},
		{"other options of IgnoreCurrent", func(t T) { VerifyNone(t, on(one), IgnoreCurrent(SkipIfUnavailable())) }, "no option but On"},
		{"IgnoreCurrent of a suite", func(t T) { (&Suite{Detector: d}).Verify(t, IgnoreCurrent(On(d))) }, "for VerifyNone only"},
		{"On of a suite", func(t T) { (&Suite{Detector: d}).Verify(t, on(other)) }, "has a field Detector"},
		{"IgnoreCurrent of a package", func(t T) {
			var out strings.Builder
			if code := verifyMain(tests(0), &out, []Option{On(d), IgnoreCurrent(On(d))}); code != 0 {
				t.Errorf("%s", &out)
			}
		}, "for VerifyNone only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			r := &recorder{dir: t.TempDir()}
			synctest.Test(t, func(*testing.T) { tt.call(r) })
			if tt.want == "" {
				check(t, "errors", r.errors, nil)
			} else {
				check(t, "errors", r.errors, []string{tt.want})
			}
		})
	}
}
