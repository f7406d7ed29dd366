// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func frames(lines ...string) []Frame {
	var fs []Frame
	for _, line := range lines {
		f, err := ParseFrame(line)
		if err != nil {
			panic(err)
		}
		fs = append(fs, f)
	}
	return fs
}

func TestFingerprint(t *testing.T) {
	same := [][]Frame{
		frames("create_object+0x100/0x288", "kmemleak_alloc+0x4a/0xa0", "kmalloc_trace+0x27/0xe0", "thing_alloc.isra.0+0x13/0x50 [thing]", "probe+0x1/0x2 [thing]", "0xffffffffc0a015e4", "do_one_initcall+0x87/0x2e0", "0xffffffffffffffff"),
		frames("__kmalloc_cache_noprof+0x275/0x340", "thing_alloc.constprop.0.cold+0x14/0x60 [thing]", "probe+0x8/0x20 [thing]", "0xffffffffc11015e4", "do_one_initcall+0x88/0x2e0"),
		frames("[<00000000fc8cc951>] kzalloc include/linux/slab.h:1 [inline]", "[<00000000fc8cc951>] thing_alloc+0x14/0x60 drivers/thing.c:5", "probe.llvm.1234+0x8/0x20 drivers/thing.c:9", "0xffffffffc0ffe5e4", "do_one_initcall+0x1/0x2 init/main.c:1"),
	}
	want := Leak{Backtrace: same[0]}.Fingerprint()
	if len(want) != 16 || strings.Trim(want, "0123456789abcdef") != "" {
		t.Errorf("fingerprint %q", want)
	}
	for i, bt := range same {
		l := Leak{Addr: uint64(i), Size: uint64(i), Comm: "x", Backtrace: bt}
		if got := l.Fingerprint(); got != want {
			t.Errorf("backtrace %d has fingerprint %s, want %s", i, got, want)
		}
	}
	different := []Leak{
		{Backtrace: same[0]},
		{Backtrace: frames("vmalloc+0x1/0x2", "thing_alloc+0x1/0x2")},
		{Backtrace: frames("vmalloc+0x1/0x2", "0xffffffffc0a015e4")},
		{Backtrace: frames("vmalloc+0x1/0x2", "0xffffffffc0a015e5")},
		{Backtrace: frames("vmalloc+0x1/0x2")},
		{Size: 1, Comm: "a"},
		{Size: 2, Comm: "a"},
		{Size: 1, Comm: "b"},
		{},
	}
	seen := make(map[string]int)
	for i, l := range different {
		if j, ok := seen[l.Fingerprint()]; ok {
			t.Errorf("leaks %d and %d have the same fingerprint", i, j)
		}
		seen[l.Fingerprint()] = i
	}
	deep := frames(slices.Repeat([]string{"f+0x1/0x2"}, 20)...)
	if (Leak{Backtrace: deep}).Fingerprint() != (Leak{Backtrace: deep[:fingerprintDepth]}).Fingerprint() {
		t.Error("frames far down count")
	}
}

// Fingerprints are stored in files, so they must not change by accident. The
// captures are of one module on five kernels: the leaks of a named function are
// the same on each, those whose owner is a bare address are not.
func TestFingerprintStable(t *testing.T) {
	want := map[string][]string{
		"hello_kernel-6.1-i386":    {"3 2a2b3f2db5b8094b myfunc", "5 22052d4a37622390 greet"},
		"hello_kernel-6.12-arm64":  {"3 2a2b3f2db5b8094b myfunc", "5 22052d4a37622390 greet"},
		"hello_kernel-6.1-x86_64":  {"2 2a2b3f2db5b8094b myfunc", "1 204e79c54e2fb69d ", "5 22052d4a37622390 greet"},
		"hello_kernel-6.12-x86_64": {"2 2a2b3f2db5b8094b myfunc", "1 204e79c54e2fb69d ", "5 22052d4a37622390 greet"},
		"hello_kernel-7.3-x86_64":  {"2 2a2b3f2db5b8094b myfunc", "1 204e79c54e2fb69d ", "5 22052d4a37622390 greet"},
	}
	for name, text := range captures(t) {
		leaks, err := Parse(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range Groups(leaks) {
			got = append(got, fmt.Sprint(g.Count, " ", g.Fingerprint, " ", g.Example.Owner().Func()))
		}
		if diff := cmp.Diff(want[filepath.Base(name)], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestFingerprintPairs compares the fingerprints of a leak in the forms in which it may
// come: with Calls, in a console's log, decoded by a tool, and as older kernels print it.
func TestFingerprintPairs(t *testing.T) {
	prints := func(leaks []Leak) (all []string) {
		for _, l := range leaks {
			all = append(all, l.Fingerprint())
		}
		return all
	}
	named := make(map[string][]string) // of leaks whose owner has a name, by build
	for _, build := range helloBuilds {
		leaks, modules := helloReport(t, build)
		want := prints(leaks)
		s := &Symbolizer{Release: "0", Dirs: []string{helloModules + "/" + build}, Modules: modules}
		defer s.Close()
		var called, decoded, older []Leak
		for i, l := range leaks {
			if owner := l.Owner(); owner.Func() != "" && !slices.Contains(named[build], want[i]) {
				named[build] = append(named[build], want[i])
			}
			old := l
			old.Age, old.Checksum = time.Second, nil
			old.Backtrace = slices.Clone(l.Backtrace)
			for k := range old.Backtrace {
				if f := &old.Backtrace[k]; f.Addr == 0 {
					f.Addr = uint64(k) + 0xcd474082
				}
			}
			older = append(older, old)
			l.Calls = s.Backtrace(l.Backtrace)
			called = append(called, l)
			text := l
			text.Calls, text.Backtrace = nil, nil
			for _, f := range l.Backtrace {
				k := slices.IndexFunc(l.Calls, func(c Call) bool { return c.Frame == f })
				for _, p := range l.Calls[max(k, 0)].Pos {
					if k >= 0 && p.Inlined {
						text.Backtrace = append(text.Backtrace, Frame{Func: p.Func, File: p.File, Line: p.Line, Inlined: true})
					} else if k >= 0 {
						f.File, f.Line = p.File, p.Line
					}
				}
				text.Backtrace = append(text.Backtrace, f)
			}
			decoded = append(decoded, text)
		}
		for name, leaks := range map[string][]Leak{"with Calls": called, "decoded": decoded, "older": older} {
			var text strings.Builder
			for _, l := range leaks {
				text.WriteString(l.String())
			}
			if diff := cmp.Diff(want, prints(leaks)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", build, name, diff)
			}
			var read []Leak
			for l, err := range Extract(strings.NewReader(text.String())) {
				if err == nil {
					read = append(read, l)
				}
			}
			if diff := cmp.Diff(want, prints(read)); diff != "" {
				t.Errorf("%s, %s, read again (-want +got):\n%s", build, name, diff)
			}
		}
	}
	// What a file tells changes the owner, not the fingerprint.
	plain := Leak{Backtrace: frames("vmalloc+0x1/0x2", "thing_init+0x1/0x2", "bus_open+0x1/0x2")}
	decoded := Leak{Backtrace: frames("vmalloc+0x1/0x2", "thing_init+0x1/0x2 lib/thing.c:1", "bus_open+0x1/0x2 net/bus.c:1")}
	if diff := cmp.Diff(prints([]Leak{plain, plain}), prints([]Leak{plain, decoded})); diff != "" || plain.Owner().Func() == decoded.Owner().Func() {
		t.Errorf("owners %q and %q, fingerprints (-without files +with):\n%s", plain.Owner().Func(), decoded.Owner().Func(), diff)
	}
	log, err := os.Open("testdata/kmsg/verbose-6.12-arm64.dmesg")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for l, err := range Extract(log) {
		if print := l.Fingerprint(); err == nil && len(l.Backtrace) > 0 && !slices.Contains(named["log"], print) {
			named["log"] = append(named["log"], print)
		}
	}
	for build, got := range named {
		if diff := cmp.Diff(named[helloBuilds[0]], got); diff != "" {
			t.Errorf("%s (-%s +got):\n%s", build, helloBuilds[0], diff)
		}
	}
}

func TestGroups(t *testing.T) {
	small, large := frames("f+0x1/0x2"), frames("g+0x1/0x2")
	leaks := []Leak{
		{Addr: 1, Size: 8, Jiffies: 50, Age: 5 * time.Second, Backtrace: small},
		{Addr: 2, Size: 100, Jiffies: 60, Backtrace: large},
		{Addr: 3, Size: 8, Jiffies: 40, Age: 7 * time.Second, Backtrace: slices.Clone(small)},
		{Addr: 4, Size: 8, Jiffies: 70, Age: 2 * time.Second, Backtrace: small},
		{Addr: 5, Size: math.MaxUint64, Jiffies: 70},
		{Addr: 6, Size: math.MaxUint64, Jiffies: 70},
	}
	want := []Group{
		{Example: leaks[4], Count: 2, Bytes: math.MaxUint64, FirstJiffies: 70, LastJiffies: 70, Leaks: []*Leak{&leaks[4], &leaks[5]}},
		{Example: leaks[1], Count: 1, Bytes: 100, FirstJiffies: 60, LastJiffies: 60, Leaks: []*Leak{&leaks[1]}},
		{Example: leaks[0], Count: 3, Bytes: 24, FirstJiffies: 40, LastJiffies: 70, Oldest: 7 * time.Second, Youngest: 2 * time.Second,
			Leaks: []*Leak{&leaks[0], &leaks[2], &leaks[3]}},
	}
	for i := range want {
		want[i].Fingerprint = want[i].Example.Fingerprint()
	}
	if diff := cmp.Diff(want, Groups(leaks)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Groups(nil); len(got) != 0 {
		t.Errorf("Groups(nil) = %v", got)
	}
}

func TestDiff(t *testing.T) {
	a := Leak{Addr: 1, Jiffies: 1, Age: 1}
	b := Leak{Addr: 2, Jiffies: 1}
	reused := Leak{Addr: 1, Jiffies: 9}
	older := a
	older.Age, older.Data, older.Backtrace = 2, []byte("x"), frames("0xffffffffc0a015e4")
	before := []Leak{a, b}
	after := []Leak{older, reused, reused}
	added, gone := Diff(before, after)
	if diff := cmp.Diff([]Leak{reused}, added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Leak{b}, gone); diff != "" {
		t.Errorf("gone (-want +got):\n%s", diff)
	}
}

func TestDiffPlaces(t *testing.T) {
	addr := uint64(0)
	leaks := func(n int, lines ...string) (leaks []Leak) {
		for range n {
			addr++
			leaks = append(leaks, Leak{Addr: addr, Size: 8, Jiffies: addr, Backtrace: frames(append([]string{"kmalloc_trace+0x1/0x2"}, lines...)...)})
		}
		return leaks
	}
	more := func(n int, lines ...string) []Leak {
		l := leaks(1, lines...)
		l[0].More = n - 1
		return l
	}
	all := func(lists ...[]Leak) []Leak { return slices.Concat(lists...) }
	const first, second, rebuilt = "lose+0x10/0x60 [m]", "lose+0x20/0x60 [m]", "lose+0x24/0x70 [m]"
	for _, tt := range []struct {
		name          string
		before, after []Leak
		added, gone   string // how often which frame of the owner
	}{
		{"nothing", nil, nil, "", ""},
		{"a new place", nil, leaks(2, first), "2 " + first, ""},
		{"as before, elsewhere in memory", leaks(3, first), leaks(3, first), "", ""},
		{"more of it", leaks(1, first), leaks(100, first), "99 " + first, ""},
		{"less of it", leaks(5, first), leaks(2, first), "", "3 " + first},
		{"a new line", leaks(2, first), all(leaks(2, first), leaks(1, second)), "1 " + second, ""},
		{"another line", leaks(1, first), leaks(1, second), "1 " + second, "1 " + first},
		{"a line that has more, and one less", all(leaks(3, first), leaks(1, second)), all(leaks(1, first), leaks(3, second)),
			"2 " + second, "2 " + first},
		{"a build in which the line moved", leaks(2, first), leaks(2, rebuilt), "", ""},
		{"more in another build", leaks(2, first), leaks(5, rebuilt), "3 " + rebuilt, ""},
		{"records of many objects", more(10, first), more(12, first), "2 " + first, ""},
		{"a record of as many objects", more(10, first), leaks(10, first), "", ""},
		{"a bare address", leaks(1, "0xffffffffc0a01010"), leaks(2, "0xffffffffc0b02010"), "1 0xffffffffc0b02010", ""},
		{"no owner", leaks(1), leaks(2), "1 ", ""},
		{"a new line, and one report was decoded", leaks(1, "vhelper+0x9/0x40"), leaks(1, "vhelper+0x19/0x40 lib/x.c:1"), "1 vhelper+0x19/0x40 lib/x.c:1", "1 vhelper+0x9/0x40"},
		{"one report was looked up", leaks(1, first), []Leak{{Backtrace: frames(first), Calls: []Call{{Frame: frames(first)[0], Kind: KindElided}}}}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			describe := func(leaks []Leak) (s string) {
				n := 0
				for _, l := range leaks {
					n += l.Objects()
					l.Calls = nil
					if o := l.Owner(); o.Call != nil {
						s = o.Call.Frame.String()
					}
				}
				if n == 0 {
					return ""
				}
				return fmt.Sprint(n, " ", s)
			}
			added, gone := DiffPlaces(tt.before, tt.after)
			if diff := cmp.Diff([]string{tt.added, tt.gone}, []string{describe(added), describe(gone)}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			gone, added = DiffPlaces(tt.after, tt.before)
			if diff := cmp.Diff([]string{tt.added, tt.gone}, []string{describe(added), describe(gone)}); diff != "" {
				t.Errorf("backwards (-want +got):\n%s", diff)
			}
		})
	}
}
