// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// TestDebuginfod symbolizes with a stripped module whose debug file is on a server. The
// answers are those of the whole module.
func TestDebuginfod(t *testing.T) {
	need.Tools(t, "elfutils", "eu-strip")
	for _, build := range helloBuilds {
		t.Run(build, func(t *testing.T) {
			whole := filepath.Join(helloModules, build, "hello-kernel.ko")
			dir, id := t.TempDir(), helloBuildID(t, build)
			script(t, dir, whole, "mkdir away; eu-strip --reloc-debug-sections -g -f away/debug -o hello-kernel.ko $IN")
			leaks, modules := helloReport(t, build)
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.Path)
				if r.URL.Path == "/buildid/"+id+"/debuginfo" {
					http.ServeFile(w, r, filepath.Join(dir, "away/debug"))
					return
				}
				http.NotFound(w, r)
			}))
			defer server.Close()
			t.Setenv("DEBUGINFOD_CACHE_PATH", t.TempDir())
			t.Setenv("DEBUGINFOD_URLS", "")
			answers := func(path string, d *Debuginfod) []string {
				s := &Symbolizer{Release: "0", Dirs: []string{path}, Modules: modules, Debuginfod: d}
				defer s.Close()
				return told(s, leaks)
			}
			module := filepath.Join(dir, "hello-kernel.ko")
			if diff := cmp.Diff(answers(whole, nil), answers(module, &Debuginfod{URLs: []string{server.URL}})); diff != "" {
				t.Errorf("(-whole module +stripped):\n%s", diff)
			}
			if len(asked) == 0 || asked[0] != "/buildid/"+id+"/debuginfo" {
				t.Errorf("asked for %v", asked)
			}

			// Without, there are functions, and the reason why there are no lines.
			s := &Symbolizer{Release: "0", Dirs: []string{module}}
			defer s.Close()
			pos, err := s.Resolve(Frame{Func: "myfunc", Module: "hello_kernel"})
			if diff := cmp.Diff([]Pos{{Func: "myfunc"}}, pos); diff != "" || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no debugging information of module hello_kernel") {
				t.Errorf("without debugging information: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestDebuginfodOff loads nothing unless somebody has asked for it.
func TestDebuginfodOff(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.NotFound(w, r)
	}))
	defer server.Close()
	cache := filepath.Join(t.TempDir(), "cache")
	t.Setenv("DEBUGINFOD_CACHE_PATH", cache)
	f := Frame{Func: "nobody", Offset: 1, Size: 2, Module: "nobody", BuildID: strings.Repeat("01", 20)}
	for _, tt := range []struct {
		name, environment string
		debuginfod        *Debuginfod
		asked             bool
	}{
		{"nothing is set", "", nil, false},
		{"the environment says so", server.URL, nil, true},
		{"the environment says so, and the program not", server.URL, &Debuginfod{}, false},
	} {
		t.Setenv("DEBUGINFOD_URLS", tt.environment)
		asked = 0
		s := &Symbolizer{Release: "0", Debuginfod: tt.debuginfod}
		if _, err := s.Resolve(f); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", tt.name, err)
		}
		_, err := os.Stat(cache) // that there is no file is noted there
		if (asked > 0) != tt.asked || (err == nil) != tt.asked {
			t.Errorf("%s: asked %d times, cache: %v", tt.name, asked, err)
		}
		if err := os.RemoveAll(cache); err != nil {
			t.Error(err)
		}
		_ = s.Close()
	}
}

// TestPrefetch loads what backtraces need, so that later nobody asks; and it ends with
// its context while a server keeps it waiting.
func TestPrefetch(t *testing.T) {
	const build = "6.1-x86_64"
	need.Tools(t, "elfutils", "eu-strip")
	dir, id := t.TempDir(), helloBuildID(t, build)
	script(t, dir, filepath.Join(helloModules, build, "hello-kernel.ko"), "mkdir away; eu-strip --reloc-debug-sections -g -f away/debug -o hello-kernel.ko $IN")
	leaks, modules := helloReport(t, build)
	backtraces := func(yield func([]Frame) bool) {
		for _, l := range leaks {
			if !yield(l.Backtrace) {
				return
			}
		}
	}
	var asked atomic.Int32
	hang := make(chan struct{}) // closed: no more
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		cancel(enough)
		select {
		case <-hang:
		case <-r.Context().Done():
			return
		}
		if r.URL.Path == "/buildid/"+id+"/debuginfo" {
			http.ServeFile(w, r, filepath.Join(dir, "away/debug"))
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	t.Setenv("DEBUGINFOD_CACHE_PATH", t.TempDir())
	s := &Symbolizer{Release: "0", Dirs: []string{filepath.Join(dir, "hello-kernel.ko")}, Modules: modules, Debuginfod: &Debuginfod{URLs: []string{server.URL}}}

	if err := s.Prefetch(ctx, backtraces); !errors.Is(err, enough) {
		t.Errorf("%v, want what ended the context", err)
	}
	if asked.Load() == 0 {
		t.Error("nothing was asked for")
	}

	close(hang) // the server is not left alone: it was not to blame
	if err := s.Prefetch(t.Context(), backtraces); err != nil {
		t.Error(err)
	}
	before := asked.Load()
	var own []string
	for bt := range backtraces {
		own = append(own, ownCalls(s.Backtrace(bt))...)
	}
	if asked.Load() != before || len(own) == 0 {
		t.Errorf("asked %d times more, calls %v", asked.Load()-before, own)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Prefetch(t.Context(), backtraces); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := (&Symbolizer{Debuginfod: new(Debuginfod)}).Prefetch(ctx, backtraces); err != nil {
		t.Errorf("without servers: %v", err)
	}
}
