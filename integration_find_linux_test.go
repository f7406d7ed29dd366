// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

// leaky is the module leaky, loaded, and how many objects of its two functions are lost.
type leaky struct {
	t            *testing.T
	one, another int
}

func leakyFile(kernel string) string {
	return filepath.Join("testdata/modules/leaky", kernel, "leaky.ko")
}

// loadLeaky loads the module and unloads it at the end of the test.
func loadLeaky(t *testing.T, kernel string) *leaky {
	t.Helper()
	file, err := os.Open(leakyFile(kernel))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil {
		t.Fatalf("load %s: %v", file.Name(), err)
	}
	t.Cleanup(func() {
		if err := unix.DeleteModule("leaky", 0); err != nil {
			t.Errorf("unload leaky: %v", err)
		}
	})
	return &leaky{t: t}
}

// tell writes to one of the module's parameters. What the module loses is allocated
// by a kernel thread, "leaky", that ends then.
func (l *leaky) tell(parameter string, value int) {
	l.t.Helper()
	if err := os.WriteFile("/sys/module/leaky/parameters/"+parameter, fmt.Append(nil, value), 0); err != nil {
		l.t.Fatal(err)
	}
}

func (l *leaky) leak(n int)    { l.t.Helper(); l.tell("leak", n); l.one += n }
func (l *leaky) other(n int)   { l.t.Helper(); l.tell("other", n); l.another += n }
func (l *leaky) hide(yes bool) { l.t.Helper(); l.tell("hide", map[bool]int{true: 1}[yes]) }
func (l *leaky) free()         { l.t.Helper(); l.tell("free", 1); l.one, l.another = 0, 0 }

// inTime gives a context that ends before the test's patience does.
func inTime(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// expect looks for leaks of the module leaky until there are n, some times at most: a
// stale value in the kernel's memory may hide one for a while, and no test may expect
// less for that. If it does not go away, n other objects are lost, at other addresses.
// More than n are a failure at once.
func (l *leaky) expect(n int, d *kmemleak.Detector, opts ...kmemleak.Option) kmemleak.Finding {
	l.t.Helper()
	var f kmemleak.Finding
	for try := range 5 {
		if try > 1 && n == l.one+l.another {
			one, another := l.one, l.another
			l.free()
			l.leak(one)
			l.other(another)
			time.Sleep(minAge)
		}
		if f = l.examine(d, opts...); len(f.Leaks) >= n {
			break
		}
		l.t.Logf("once more: %d leaks of %d", len(f.Leaks), n)
	}
	if len(f.Leaks) != n {
		l.t.Errorf("%d leaks, want %d", len(f.Leaks), n)
	}
	return f
}

// ofLeaky leaves the leaks that are known to be of the module leaky. Other tests of the
// boot have left some whose module is gone.
var ofLeaky = []kmemleak.Option{kmemleak.InModule("leaky"), kmemleak.Ignore(func(l kmemleak.Leak) bool {
	_, known := l.Owner().Module()
	return !known
})}

// examine looks for leaks of the module leaky, once.
func (l *leaky) examine(d *kmemleak.Detector, opts ...kmemleak.Option) kmemleak.Finding {
	l.t.Helper()
	f, err := d.Find(inTime(l.t), append(opts, ofLeaky...)...)
	if err != nil {
		l.t.Fatal(err)
	}
	return f
}

// count is how many leaks of lose_one and of lose_another there are.
func count(leaks []kmemleak.Leak) (one, another int) {
	for _, l := range leaks {
		switch l.Owner().Func() {
		case "lose_one":
			one++
		case "lose_another":
			another++
		}
	}
	return one, another
}

// at calls f once, when the search comes to a stage of a scan.
func at(stage kmemleak.Stage, scan int, f func()) kmemleak.Option {
	done := false
	return kmemleak.WithProgress(func(p kmemleak.Progress) {
		if !done && p.Stage == stage && p.Scan == scan {
			done = true
			f()
		}
	})
}

func TestIntegrationFind(t *testing.T) {
	l := loadLeaky(t, need.Kernel(t, "find"))
	var d kmemleak.Detector
	if f := l.examine(&d, kmemleak.MinAge(0)); len(f.Leaks) != 0 {
		t.Errorf("%d leaks before there are any", len(f.Leaks))
	}
	l.leak(5)
	l.other(3)
	start := time.Now()
	f := l.expect(8, &d)
	took := time.Since(start)
	t.Logf("%d scans in %v", f.Scans, took)
	if one, another := count(f.Leaks); one != 5 || another != 3 || len(f.Leaks) != 8 {
		t.Errorf("found %d and %d of %d leaks, want 5 and 3", one, another, len(f.Leaks))
	}
	if f.Doubts != nil {
		t.Errorf("doubts: %v", f.Doubts)
	}
	if took < 5*time.Second {
		t.Errorf("objects were not waited for: %v", took)
	}
	// The work ended long ago: nothing to wait for.
	aged := false
	l.expect(8, &d, kmemleak.Ended(start.Add(-6*time.Second)), at(kmemleak.StageAging, 1, func() { aged = true }))
	if aged {
		t.Error("it waited for objects that had been old enough")
	}
	// What the module can find again is no leak.
	l.hide(false)
	if f := l.examine(&d); len(f.Leaks) != 0 {
		t.Errorf("%d leaks, all are referenced", len(f.Leaks))
	}
}

func TestIntegrationFindNewOnly(t *testing.T) {
	l := loadLeaky(t, need.Kernel(t, "find"))
	var problems []string
	for range 4 { // a chance value in memory can hide one object for good
		if problems = newOnly(l); problems == nil {
			return
		}
		t.Log("once more, with other objects, for", problems)
		l.free()
	}
	t.Error(problems)
}

// newOnly finds problems with telling new leaks from old ones. Blaming an old one is
// an error at once.
func newOnly(l *leaky) (problems []string) {
	l.t.Helper()
	check := func(what string, leaks []kmemleak.Leak, want int) {
		l.t.Helper()
		one, another := count(leaks)
		if one != 0 || another > want {
			l.t.Errorf("%s found %d leaks made before and %d made after, want 0 and %d", what, one, another, want)
		} else if another < want {
			problems = append(problems, fmt.Sprintf("%s found %d leaks, want %d", what, another, want))
		}
	}
	var d kmemleak.Detector
	l.leak(4)
	from, err := d.Mark()
	if err != nil {
		l.t.Fatal(err)
	}
	var before []kmemleak.Leak
	during, err := d.During(inTime(l.t), func() {
		l.other(2)
		before = l.examine(&d).Leaks // of this process: the lock does not stop it
	}, ofLeaky...)
	if err != nil {
		l.t.Fatal(err)
	}
	check("During", during.Leaks, 2)
	l.other(1)
	check("Since", l.examine(&d, kmemleak.Since(from)).Leaks, 3)
	if len(before) < 6 {
		return append(problems, fmt.Sprintf("a baseline of %d leaks, want 6", len(before)))
	}
	f := l.examine(&d, kmemleak.Baseline(before))
	check("Baseline", f.Leaks, 1)
	// Nothing was destroyed.
	if all := l.examine(&d); len(f.Known) < 6 || len(all.Leaks) < 7 {
		problems = append(problems, fmt.Sprintf("%d known leaks and %d in all, want 6 and 7", len(f.Known), len(all.Leaks)))
	}
	return problems
}

func TestIntegrationVanished(t *testing.T) {
	kernel := need.Kernel(t, "find")
	for _, tt := range []struct {
		name   string
		vanish func(*leaky)
		want   kmemleak.Fate
	}{
		{"freed", (*leaky).free, kmemleak.FateFreed},
		{"referenced", func(l *leaky) { l.hide(false) }, kmemleak.FateReferenced},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := loadLeaky(t, kernel)
			var d kmemleak.Detector
			var f kmemleak.Finding
			for range 5 {
				l.leak(3)
				if f = l.examine(&d, at(kmemleak.StageScanning, 3, func() { tt.vanish(l) })); len(f.Vanished) == 3 {
					break
				}
				// As in expect: what a stale value hides has not been seen.
				t.Logf("once more: %d vanished ones of 3", len(f.Vanished))
				l.free()
				l.hide(true)
			}
			if len(f.Leaks) != 0 || len(f.Vanished) != 3 {
				t.Fatalf("%d leaks and %d vanished ones, want 0 and 3", len(f.Leaks), len(f.Vanished))
			}
			for _, v := range f.Vanished {
				if v.Fate != tt.want {
					t.Errorf("0x%x: %v, want %v", v.Leak.Addr, v.Fate, tt.want)
				}
			}
		})
	}
}

// A leak that shows itself only in the confirming scan is confirmed by another one.
func TestIntegrationLateLeak(t *testing.T) {
	l := loadLeaky(t, need.Kernel(t, "find"))
	l.leak(3)
	l.hide(false)
	time.Sleep(minAge)
	var d kmemleak.Detector
	l.expect(3, &d, kmemleak.MinAge(0), at(kmemleak.StageScanning, 2, func() { l.hide(true) }))
}

func TestIntegrationOtherModule(t *testing.T) {
	kernel := need.Kernel(t, "find")
	l := loadLeaky(t, kernel)
	var d kmemleak.Detector
	from, err := d.Mark()
	if err != nil {
		t.Fatal(err)
	}
	loadHello(t, kernel)
	l.leak(2)
	l.other(1)
	unknown := 0 // leaks of the last search whose owner lay in the other module's init code
	find := func(opts ...kmemleak.Option) int {
		t.Helper()
		unknown = 0
		f, err := d.Find(inTime(t), append(opts, kmemleak.Since(from), kmemleak.MinAge(0))...)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range f.Leaks {
			if _, known := l.Owner().Module(); !known {
				unknown++
			}
		}
		return len(f.Leaks)
	}
	time.Sleep(minAge)
	for _, tt := range []struct {
		name     string
		opts     []kmemleak.Option
		min, max int
	}{
		{"all", nil, 4, 3 + helloLeaks},
		{"InModule", ofLeaky, 3, 3},
		{"IgnoreFunc", append(ofLeaky[:2:2], kmemleak.IgnoreFunc("lose_one")), 1, 1},
		{"IgnoreFunc of no owner", append(ofLeaky[:2:2], kmemleak.IgnoreFunc("kthread")), 3, 3},
		{"Ignore", []kmemleak.Option{kmemleak.Ignore(func(kmemleak.Leak) bool { return true })}, 0, 0},
	} {
		if n := find(tt.opts...); n < tt.min || n > tt.max {
			t.Errorf("%s: %d leaks, want %d to %d", tt.name, n, tt.min, tt.max)
		}
	}
	// A leak of an unknown module may be of any.
	if n := find(kmemleak.InModule("leaky")); n != 3+unknown {
		t.Errorf("InModule alone: %d leaks, %d of them of unknown owners, want 3 more than these", n, unknown)
	}
}
