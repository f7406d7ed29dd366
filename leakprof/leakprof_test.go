// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakprof

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

var update = flag.Bool("update", false, "write the golden files anew")

var builds = []string{"6.1-i386", "6.1-x86_64", "6.12-x86_64", "6.12-arm64", "7.3-x86_64"}

const data = "../testdata/"

func capture(t testing.TB, build string) []kmemleak.Leak {
	t.Helper()
	file, err := os.Open(data + "reports/hello_kernel-" + build + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	leaks, err := kmemleak.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return leaks
}

func symbolizer(t testing.TB, build string) *kmemleak.Symbolizer {
	t.Helper()
	s := &kmemleak.Symbolizer{
		Release: "0", Dirs: []string{data + "modules/hello_kernel/" + build},
		Paths: []kmemleak.PathPrefix{{Old: "/usr/src/kmemleak", New: data + "modules"}},
	}
	text, err := os.ReadFile(data + "reports/hello_kernel-" + build + ".modules.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s.Modules); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// written returns a profile after writing and reading it.
func written(t testing.TB, leaks []kmemleak.Leak, o *Options) *profile.Profile {
	t.Helper()
	var first, second bytes.Buffer
	if err := errors.Join(Write(&first, leaks, o), Write(&second, leaks, o)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same leaks give different profiles")
	}
	p, err := profile.Parse(&first)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNewCaptures(t *testing.T) {
	for _, build := range builds {
		t.Run(build, func(t *testing.T) {
			got := written(t, capture(t, build), &Options{Symbolizer: symbolizer(t, build), Time: time.Unix(1700000000, 0)}).String()
			name := filepath.Join("testdata", "hello_kernel-"+build+".txt")
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		})
	}
}

// TestTotals compares with the leaks themselves.
func TestTotals(t *testing.T) {
	for _, build := range builds {
		leaks := capture(t, build)
		var want, got [2]int64
		for _, l := range leaks {
			want[0]++
			want[1] += int64(l.Size)
		}
		for _, s := range written(t, leaks, nil).Sample {
			got[0] += s.Value[0]
			got[1] += s.Value[1]
		}
		if got != want {
			t.Errorf("%s: %v, want %v", build, got, want)
		}
	}
}

func TestNew(t *testing.T) {
	f := func(name, module string) kmemleak.Frame {
		return kmemleak.Frame{Func: name, Offset: 1, Size: 2, Module: module}
	}
	now := time.Unix(1700000000, 0)
	tests := []struct {
		name  string
		leaks []kmemleak.Leak
		o     *Options
		want  string // samples, labels in order, and comments
	}{
		{"none", nil, nil, ""},
		{"could not look", nil, &Options{Err: kmemleak.ErrDisabled}, "# leaks may be missing: kmemleak is switched off\n"},
		{
			"same backtrace, other labels",
			[]kmemleak.Leak{
				{Size: 8, Comm: "a", PID: 1, Backtrace: []kmemleak.Frame{f("kmalloc", ""), f("x.isra.0", "m")}},
				{Size: 8, Comm: "a", PID: 1, Backtrace: []kmemleak.Frame{f("kmalloc", ""), f("x.isra.0", "m")}},
				{Size: 8, Comm: "a", PID: 2, Backtrace: []kmemleak.Frame{f("kmalloc", ""), f("x.isra.0", "m")}},
				{Size: 8, Comm: "a", PID: 2, Age: time.Hour, Backtrace: []kmemleak.Frame{f("kmalloc", ""), f("x.isra.0", "m")}},
			},
			nil,
			"2 16 age=unknown comm=a module=m pid=1: kmalloc x\n" +
				"1 8 age=unknown comm=a module=m pid=2: kmalloc x\n" +
				"1 8 age=1h to 1d comm=a module=m pid=2: kmalloc x\n",
		},
		{
			"of the kernel, of nobody known, without a backtrace",
			[]kmemleak.Leak{
				{Size: 1, Backtrace: []kmemleak.Frame{f("kmalloc", ""), f("vfs_read", "")}},
				{Size: 2, Backtrace: []kmemleak.Frame{{Addr: 0xffffffffc0001234}}},
				{Size: 3},
			},
			nil,
			"1 1 age=unknown module=kernel pid=0: kmalloc vfs_read\n" +
				"1 2 age=unknown module=unknown pid=0: 0xffffffffc0001233\n" +
				"1 3 age=unknown module=unknown pid=0: 0x0\n",
		},
		{
			"decoded by a tool",
			[]kmemleak.Leak{{Size: 1, Backtrace: []kmemleak.Frame{
				{Func: "kzalloc", File: "include/linux/slab.h", Line: 7, Inlined: true},
				{Func: "probe", Offset: 1, Size: 2, Module: "m", File: "m.c", Line: 9},
			}}},
			nil,
			"1 1 age=unknown module=m pid=0: kzalloc@include/linux/slab.h:7<probe@m.c:9\n",
		},
		{
			"too many bytes, and names for nobody",
			[]kmemleak.Leak{
				{Size: math.MaxUint64, Comm: "\xff\x1b[2J\n"},
				{Size: 1, Comm: "\xff\x1b[2J\n"},
			},
			&Options{Time: now},
			"2 9223372036854775807 age=unknown comm=..[2J. module=unknown pid=0: 0x0\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, brief(written(t, tt.leaks, tt.o))); diff != "" {
				t.Errorf("samples (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAge(t *testing.T) {
	read := time.Unix(1700000000, 0)
	clock := kmemleak.Clock{HZ: 100, Jiffies: 1 << 32, Uptime: 300 * time.Second, Wall: read}
	tests := []struct {
		name string
		o    Options
		leak kmemleak.Leak
		want string
	}{
		{"nobody knows", Options{}, kmemleak.Leak{}, "unknown"},
		{"printed", Options{}, kmemleak.Leak{Age: 1}, "under 1m"},
		{"printed", Options{}, kmemleak.Leak{Age: time.Minute - 1}, "under 1m"},
		{"printed", Options{}, kmemleak.Leak{Age: time.Minute}, "1m to 10m"},
		{"printed", Options{}, kmemleak.Leak{Age: 10 * time.Minute}, "10m to 1h"},
		{"printed", Options{}, kmemleak.Leak{Age: time.Hour}, "1h to 1d"},
		{"printed", Options{}, kmemleak.Leak{Age: 24*time.Hour - 1}, "1h to 1d"},
		{"printed", Options{}, kmemleak.Leak{Age: 24 * time.Hour}, "over 1d"},
		{"printed", Options{}, kmemleak.Leak{Age: math.MaxInt64}, "over 1d"},
		{"by the clock", Options{Time: read.Add(time.Hour), Clock: clock}, kmemleak.Leak{Jiffies: 1<<32 - 6000}, "1h to 1d"},
		{"by the clock", Options{Time: read, Clock: clock}, kmemleak.Leak{Jiffies: 1<<32 - 6000}, "1m to 10m"},
		{"while the clock was read", Options{Time: read, Clock: clock}, kmemleak.Leak{Jiffies: 1<<32 + 10}, "under 1m"},
		{"after the clock was read", Options{Time: read, Clock: clock}, kmemleak.Leak{Jiffies: 1<<32 + 6000}, "unknown"},
		{"no clock", Options{Time: read}, kmemleak.Leak{Jiffies: 1 << 32}, "unknown"},
		{"no time", Options{Clock: clock}, kmemleak.Leak{Jiffies: 1<<32 - 6000}, "unknown"},
	}
	for _, tt := range tests {
		if got := newBuilder(&tt.o).age(tt.leak); got != tt.want {
			t.Errorf("%s, %v, %d: %q, want %q", tt.name, tt.leak.Age, tt.leak.Jiffies, got, tt.want)
		}
	}
}

func TestMappings(t *testing.T) {
	const build = "6.12-x86_64"
	dirs := []string{data + "modules/hello_kernel/" + build}
	ko, err := kobj.Open(dirs[0] + "/hello-kernel.ko")
	if err != nil {
		t.Fatal(err)
	}
	defer ko.Close()
	fits := kmemleak.Frame{Func: "myfunc", Offset: 0xa, Size: 0x20, Module: "hello_kernel"}
	other := fits
	other.Offset-- // no call ends there
	kernel := kmemleak.Frame{Func: "do_one_initcall", Offset: 0x6e, Size: 0x180}
	printed := fits
	printed.BuildID = "c0ffee"
	tests := []struct {
		name   string
		s      *kmemleak.Symbolizer
		frames []kmemleak.Frame
		want   []string // file and build ID
	}{
		{"nothing known", &kmemleak.Symbolizer{Release: "0"}, []kmemleak.Frame{fits, kernel}, []string{"hello_kernel ", "vmlinux "}},
		{"of the file", &kmemleak.Symbolizer{Release: "0", Dirs: dirs}, []kmemleak.Frame{fits}, []string{"hello_kernel " + ko.BuildID()}},
		{"does not fit the file", &kmemleak.Symbolizer{Release: "0", Dirs: dirs}, []kmemleak.Frame{other}, []string{"hello_kernel "}},
		{"does not fit, and does", &kmemleak.Symbolizer{Release: "0", Dirs: dirs}, []kmemleak.Frame{other, fits}, []string{"hello_kernel " + ko.BuildID()}},
		{"of the report", &kmemleak.Symbolizer{Release: "0", Dirs: dirs}, []kmemleak.Frame{printed}, []string{"hello_kernel c0ffee"}},
		{"of two builds", &kmemleak.Symbolizer{Release: "0", Dirs: dirs}, []kmemleak.Frame{printed, fits}, []string{"hello_kernel c0ffee", "hello_kernel " + ko.BuildID()}},
		{"of Modules", &kmemleak.Symbolizer{Release: "0", Modules: []kmemleak.Module{{BuildID: "aa"}, {Name: "hello_kernel", BuildID: "bb"}}}, []kmemleak.Frame{fits, kernel}, []string{"hello_kernel bb", "vmlinux aa"}},
		{"of a bare address", &kmemleak.Symbolizer{Release: "0"}, []kmemleak.Frame{{Addr: 1}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer tt.s.Close()
			var leaks []kmemleak.Leak
			for _, f := range tt.frames {
				leaks = append(leaks, kmemleak.Leak{Backtrace: []kmemleak.Frame{f}})
			}
			var got []string
			for _, m := range written(t, leaks, &Options{Symbolizer: tt.s}).Mapping {
				got = append(got, m.File+" "+m.BuildID)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("mappings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestElided checks that a function that the kernel did not print is left out if it is
// uncertain whether it was there.
func TestElided(t *testing.T) {
	const build = "6.12-x86_64"
	leak := capture(t, build)[2] // its call of myfunc, which was left by a jump, is not printed
	s := &kmemleak.Symbolizer{Release: "0", Dirs: []string{data + "modules/hello_kernel/" + build}}
	defer s.Close()
	if got := brief(written(t, []kmemleak.Leak{leak}, &Options{Symbolizer: s})); !strings.Contains(got, " myfunc@") {
		t.Errorf("no myfunc: %s", got)
	}
	// The file is then of another build.
	leak.Backtrace = append(slices.Clip(leak.Backtrace), kmemleak.Frame{Func: "myfunc", Offset: 0x9, Size: 0x20, Module: "hello_kernel"})
	want := "1 4096 age=unknown comm=test module=unknown pid=663: kmemleak_vmalloc __vmalloc_node_range vmalloc 0xffffffffc01d3016 do_one_initcall " +
		"do_init_module init_module_from_file __x64_sys_finit_module do_syscall_64 entry_SYSCALL_64_after_hwframe myfunc\n"
	if diff := cmp.Diff(want, brief(written(t, []kmemleak.Leak{leak}, &Options{Symbolizer: s}))); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

// TestCallsOfOthers has two leaks with equal backtraces, of two kernels: what was found out
// about the one is nothing that is known of the other.
func TestCallsOfOthers(t *testing.T) {
	frames := func() []kmemleak.Frame {
		return []kmemleak.Frame{{Func: "lose", Offset: 0x10, Size: 0x20, Module: "m"}}
	}
	known := kmemleak.Leak{Size: 8, Backtrace: frames()}
	known.Calls = (*kmemleak.Symbolizer)(nil).Calls(known)
	known.Calls[0].Pos = []kmemleak.Pos{{Func: "lose", File: "there.c", Line: 7}}
	known.Calls[0].Confidence = kmemleak.Proved
	unknown := kmemleak.Leak{Size: 32, Backtrace: frames()}
	for _, leaks := range [][]kmemleak.Leak{{known, unknown}, {unknown, known}} {
		bytes := make(map[string]int64)
		for _, s := range written(t, leaks, nil).Sample {
			bytes[s.Location[0].Line[0].Function.Filename] += s.Value[1]
		}
		if diff := cmp.Diff(map[string]int64{"there.c": 8, "": 32}, bytes); diff != "" {
			t.Errorf("bytes by file (-want +got):\n%s", diff)
		}
	}
}
