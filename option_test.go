// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

// population allocates leaks whose threads are named a to d, one second after the
// other. They are of the functions lose_a to lose_d, called by work, in the modules
// mod_a to mod_d.
func population(k *kerneltest.Kernel) (leaks []kmemleak.Leak) {
	for _, name := range []string{"a", "b", "c", "d"} {
		leaks = append(leaks, k.Alloc(kmemleak.Leak{Comm: name, Backtrace: []kmemleak.Frame{
			{Func: "kmem_cache_alloc", Offset: 0x10, Size: 0x20},
			{Func: "lose_" + name + ".isra.0", Offset: 0x10, Size: 0x20, Module: "mod_" + name},
			{Func: "work_" + name, Offset: 0x10, Size: 0x20, Module: "mod_" + name},
		}}))
		time.Sleep(time.Second)
	}
	return leaks
}

// narrowing are the options that look at leaks, with what is left of the population.
var narrowing = []struct {
	name    string
	options func(leaks []kmemleak.Leak) []kmemleak.Option
	want    []string
	known   []string
	ignored int
}{
	{"none", func([]kmemleak.Leak) []kmemleak.Option { return nil }, []string{"a", "b", "c", "d"}, nil, 0},
	{"IgnoreFunc", func([]kmemleak.Leak) []kmemleak.Option {
		return []kmemleak.Option{kmemleak.IgnoreFunc("lose_a", "work_b", "lose_c.isra.0")}
	}, []string{"b", "d"}, nil, 2},
	{"Ignore", func([]kmemleak.Leak) []kmemleak.Option {
		return []kmemleak.Option{kmemleak.Ignore(func(l kmemleak.Leak) bool { return l.Comm < "b" }), kmemleak.Ignore(func(l kmemleak.Leak) bool { return l.Comm > "c" })}
	}, []string{"b", "c"}, nil, 2},
	{"InModule", func([]kmemleak.Leak) []kmemleak.Option {
		return []kmemleak.Option{kmemleak.InModule("mod-a", "mod_b"), kmemleak.InModule("mod_b", "mod_c")}
	}, []string{"b"}, nil, 3},
	{"Within", func(l []kmemleak.Leak) []kmemleak.Option {
		return []kmemleak.Option{kmemleak.Within(kmemleak.Window{From: l[0].Jiffies, To: l[0].Jiffies}, kmemleak.Window{From: l[2].Jiffies, To: l[3].Jiffies - 1})}
	}, []string{"a", "c"}, nil, 0},
	{"Since", func(l []kmemleak.Leak) []kmemleak.Option { return []kmemleak.Option{kmemleak.Since(l[2].Jiffies)} },
		[]string{"c", "d"}, nil, 0},
	{"Suppress", func([]kmemleak.Leak) []kmemleak.Option {
		return []kmemleak.Option{kmemleak.Suppress(kmemleak.Suppressions{{Reason: "known", Module: "mod_a"}, {Reason: "old", Comm: "b", Expires: time.Unix(1, 0)}})}
	}, []string{"b", "c", "d"}, nil, 1},
	{"Baseline", func(l []kmemleak.Leak) []kmemleak.Option {
		another := l[2]
		another.Jiffies-- // whose place the third has taken
		return []kmemleak.Option{kmemleak.Baseline(l[:2]), kmemleak.Baseline([]kmemleak.Leak{another})}
	}, []string{"c", "d"}, []string{"a", "b"}, 0},
}

// behaving are the options that change what a search does.
var behaving = map[string]func(t *testing.T, k *kerneltest.Kernel){
	"SuppressFile": func(t *testing.T, k *kerneltest.Kernel) {
		population(k)
		file := filepath.Join(t.TempDir(), "known")
		if _, err := examine(t, k, kmemleak.SuppressFile(file)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v without the file, want fs.ErrNotExist", err)
		}
		if err := os.WriteFile(file, []byte("leak: known\nframe: lose_*\nmodule: mod_b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := examine(t, k, kmemleak.SuppressFile(file))
		if diff := cmp.Diff([]string{"a", "c", "d"}, comms(f.Leaks)); diff != "" || err != nil || f.Suppressions[0].Count != 1 {
			t.Errorf("%v, used %+v, leaks (-want +got):\n%s", err, f.Suppressions, diff)
		}
	},
	"MinAge": func(t *testing.T, k *kerneltest.Kernel) {
		k.Alloc(kmemleak.Leak{Comm: "old"})
		time.Sleep(5 * time.Second)
		k.Alloc(kmemleak.Leak{Comm: "young"})
		start := time.Now()
		f, err := examine(t, k, kmemleak.MinAge(0))
		if diff := cmp.Diff([]string{"old"}, comms(f.Leaks)); diff != "" || err != nil || time.Since(start) > 2*time.Second {
			t.Errorf("%v after %v, leaks (-want +got):\n%s", err, time.Since(start), diff)
		}
		if _, err := examine(t, k, kmemleak.MinAge(-1)); err == nil {
			t.Error("no error for a negative age")
		}
	},
	"Ended": func(t *testing.T, k *kerneltest.Kernel) {
		population(k)
		ended := time.Now()
		time.Sleep(time.Minute)
		f, err := examine(t, k, kmemleak.Ended(ended))
		if took := time.Since(ended) - time.Minute; err != nil || len(f.Leaks) != 4 || took > 2*time.Second {
			t.Errorf("%d leaks, %v after %v, want 4 without waiting", len(f.Leaks), err, took)
		}
	},
	"Scans": func(t *testing.T, k *kerneltest.Kernel) {
		leak := alloc(k, 1)[0]
		for _, tt := range []struct{ n, minUnref, atLeast, more, doubts int }{
			{-1, 1, 4, 60, 0}, {0, 1, 4, 60, 0}, {1, 1, 2, 0, 1}, {2, 1, 2, 0, 1}, {3, 1, 3, 0, 1}, {4, 1, 4, 60, 0}, {80, 1, 80, 10, 0},
			{2, 3, 4, 0, 1}, {9, 3, 9, 0, 1}, {10, 3, 10, 60, 0},
		} {
			k.SetMinUnrefScans(tt.minUnref)
			f, err := examine(t, k, kmemleak.Scans(tt.n))
			if err != nil || f.Scans < tt.atLeast || f.Scans > tt.atLeast+tt.more || len(f.Doubts) != tt.doubts || len(f.Leaks) != 1 {
				t.Errorf("%+v: %d scans, %d leaks, %v, doubts %v", tt, f.Scans, len(f.Leaks), err, f.Doubts)
			}
		}
		// What one of few scans does not see is missing, and that is said.
		k.SetMinUnrefScans(1)
		k.HideFrom(leak.Addr, k.Scans()+2)
		if f, err := examine(t, k, kmemleak.Scans(2)); err != nil || len(f.Leaks) != 0 || len(f.Doubts) != 1 {
			t.Errorf("%d leaks, %v, doubts %v, want none and a doubt", len(f.Leaks), err, f.Doubts)
		}
	},
	"MaxLeaks": func(t *testing.T, k *kerneltest.Kernel) {
		population(k)
		if f, err := examine(t, k, kmemleak.MaxLeaks(4)); err != nil || len(f.Leaks) != 4 {
			t.Errorf("%d leaks, %v, want as many as the limit", len(f.Leaks), err)
		}
		if f, err := examine(t, k, kmemleak.MaxLeaks(3)); !errors.Is(err, kmemleak.ErrTruncated) || len(f.Leaks) != 3 {
			t.Errorf("%d leaks, %v, want 3 and ErrTruncated", len(f.Leaks), err)
		}
		if _, err := examine(t, k, kmemleak.MaxLeaks(0)); err == nil {
			t.Error("no error for a limit of 0")
		}
	},
	"ProofOfLife": func(t *testing.T, k *kerneltest.Kernel) {
		const file = "/lib/kmemleak-test.ko"
		population(k)
		k.AddModule(file, kmemleak.Leak{Comm: "insmod"}, kmemleak.Leak{Comm: "insmod"})
		f, err := examine(t, k, kmemleak.ProofOfLife(file))
		if diff := cmp.Diff([]string{"a", "b", "c", "d"}, comms(f.Leaks)); diff != "" || err != nil || len(k.Loaded()) != 0 {
			t.Errorf("%v, %q are loaded, leaks (-want +got):\n%s", err, k.Loaded(), diff)
		}
		k.AddModule("/lib/good.ko")
		if _, err := examine(t, k, kmemleak.ProofOfLife("/lib/good.ko")); !errors.Is(err, kmemleak.ErrNoProof) || len(k.Loaded()) != 0 {
			t.Errorf("%v, %q are loaded, want ErrNoProof", err, k.Loaded())
		}
		if _, err := examine(t, k, kmemleak.ProofOfLife("/lib/missing.ko")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v, want fs.ErrNotExist", err)
		}
	},
	"WithSymbolizer": func(t *testing.T, k *kerneltest.Kernel) {
		k.Alloc(kmemleak.Leak{Backtrace: []kmemleak.Frame{
			{Func: "vmalloc_noprof", Offset: 0x3c, Size: 0x50},
			{Func: "myfunc", Offset: 0xa, Size: 0x20, Module: "hello_kernel"},
		}})
		s := &kmemleak.Symbolizer{Dirs: []string{"testdata/modules/hello_kernel/6.12-x86_64"}}
		defer s.Close()
		f, err := examine(t, k, kmemleak.WithSymbolizer(s))
		if err != nil || len(f.Leaks) != 1 {
			t.Fatalf("%d leaks, %v, want 1", len(f.Leaks), err)
		}
		l := f.Leaks[0]
		if owner := l.Owner(); owner.Pos == nil || filepath.Base(owner.Pos.File) != "hello.c" || owner.Pos.Line == 0 {
			t.Errorf("%+v, want it with its place", owner)
		}
		if len(l.Calls) != 2 || l.Calls[1].Confidence != kmemleak.Proved || l.Backtrace[1].File != "" {
			t.Errorf("%+v, want proved calls beside the backtrace as printed", l)
		}
	},
	// Some objects only stacks know: for good, up to the last scans, and until they are freed.
	"Thorough": func(t *testing.T, k *kerneltest.Kernel) {
		leaks := alloc(k, 5)
		for _, l := range leaks[1:] {
			k.ReferenceFromStack(l.Addr, true)
		}
		start := time.Now()
		f, err := examine(t, k, kmemleak.Thorough(), kmemleak.Ignore(func(l kmemleak.Leak) bool { return l.Addr == leaks[4].Addr }),
			atStage(kmemleak.StageScanning, func(scan int) {
				if scan == 4 {
					k.ReferenceFromStack(leaks[2].Addr, false)
					k.Free(leaks[3].Addr)
				}
			}))
		addrs := func(leaks []kmemleak.Leak) (addrs []uint64) {
			for _, l := range leaks {
				addrs = append(addrs, l.Addr)
			}
			return addrs
		}
		got := []any{addrs(f.Leaks), addrs(f.Suspects), k.Commands()[:6], len(f.Vanished), time.Since(start) > 15*time.Second}
		want := []any{addrs([]kmemleak.Leak{leaks[0], leaks[2]}), addrs(leaks[1:2]), []string{"stack=on", "scan", "stack=off", "scan", "scan", "stack=on"}, 0, true}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		// What the kernel tells nothing of stays.
		for _, l := range alloc(k, 200) {
			k.ReferenceFromStack(l.Addr, true)
		}
		k.Fail(kerneltest.Dump, errors.ErrUnsupported)
		if f, err := examine(t, k, kmemleak.Thorough()); err != nil || len(f.Suspects) != 202 {
			t.Errorf("%d suspects, %v, want 202 although nothing is known of them", len(f.Suspects), err)
		}
	},
	"WithProgress": func(t *testing.T, k *kerneltest.Kernel) {
		population(k)
		k.SetScanTime(2500 * time.Millisecond)
		release := k.HoldLock()
		time.AfterFunc(time.Second, release)
		var stages []string
		start := time.Now()
		_, err := examine(t, k, kmemleak.WithProgress(func(p kmemleak.Progress) {
			stages = append(stages, p.Stage.String())
			if p.Elapsed != time.Since(start) || p.Scan < 0 {
				t.Errorf("%+v after %v", p, time.Since(start))
			}
		}))
		// The first scan and the aging are told of three times each, at most a second apart.
		want := []string{"queueing", "scanning", "scanning", "scanning", "aging", "aging", "scanning"}
		if diff := cmp.Diff(want, stages[:min(len(want), len(stages))]); diff != "" || err != nil {
			t.Errorf("%v, stages (-want +got):\n%s", err, diff)
		}
		if !slices.Contains(stages, "reading") {
			t.Errorf("no reading in %q", stages)
		}
	},
}

func TestOption(t *testing.T) {
	for _, tt := range narrowing {
		simulate(t, tt.name, func(t *testing.T, k *kerneltest.Kernel) {
			f, err := examine(t, k, tt.options(population(k))...)
			if diff := cmp.Diff(tt.want, comms(f.Leaks)); diff != "" || err != nil {
				t.Errorf("%v, leaks (-want +got):\n%s", err, diff)
			}
			if diff := cmp.Diff(tt.known, comms(f.Known)); diff != "" || f.Ignored != tt.ignored {
				t.Errorf("%d ignored, want %d, known (-want +got):\n%s", f.Ignored, tt.ignored, diff)
			}
		})
	}
	for name, test := range behaving {
		simulate(t, name, test)
	}
}

// TestOptionAll sees that each option of the package is tested here.
func TestOptionAll(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() || f.Type.Results.NumFields() != 1 {
				continue
			}
			result, ok := f.Type.Results.List[0].Type.(*ast.Ident)
			if !ok || result.Name != "Option" {
				continue
			}
			tested := behaving[f.Name.Name] != nil
			for _, tt := range narrowing {
				tested = tested || tt.name == f.Name.Name
			}
			if !tested {
				t.Errorf("%s: nobody tests %s", name, f.Name.Name)
			}
		}
	}
}
