// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// nobody is a server that does not exist.
const nobody = "http://127.0.0.1:9"

// serve runs elfutils' server, which has the files of a folder, and returns its URL.
func serve(t *testing.T, dir string, ids ...string) string {
	t.Helper()
	need.Tools(t, "debuginfod", "debuginfod", "debuginfod-find")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server := exec.Command("debuginfod", "-d", ":memory:", "-p", fmt.Sprint(port), "-F", dir)
	server.Stdout, server.Stderr = &log, &log
	server.Env = append(os.Environ(), "DEBUGINFOD_URLS=")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	for _, id := range ids { // until it has read the whole folder
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			resp, err := http.Get(url + "/buildid/" + id + "/debuginfo")
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					break
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("debuginfod does not serve %s: %v\n%s", id, err, log.String())
			}
		}
	}
	return url
}

// TestDebuginfod downloads from elfutils' server, into a cache that elfutils' client
// uses too.
func TestDebuginfod(t *testing.T) {
	id := idOf(t, "module")
	served := plant(t, map[string]string{"a/x.debug": "module.debug", "b/vmlinux.debug": "vmlinux.debug", "b/vmlinux": "vmlinux.code"})
	url := serve(t, served, id, idOf(t, "vmlinux"))
	cache := filepath.Join(t.TempDir(), "cache")
	root := plant(t, map[string]string{"lib/modules/REL/extra/hello-kernel.ko.xz": "module.code.xz"})
	var told []int64
	f := &Finder{Root: root, Release: release, Server: &Debuginfod{
		URLs: []string{nobody, url}, Cache: cache, Retries: -1,
		Progress: func(_ string, done, total int64) error { told = append(told, done, total); return nil },
	}}

	if o, err := f.Open(t.Context(), "hello_kernel", "", false); err != nil || o.Lacks == nil {
		t.Errorf("without asking: %v, %v", o, err)
	} else if err := o.File.Close(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(cache); err == nil {
		t.Errorf("asked without being told to: %v", entries)
	}

	o, err := f.Open(t.Context(), "hello_kernel", "", true)
	if err != nil || o.Lacks != nil {
		t.Fatalf("%v, %v", o, err)
	}
	defer o.File.Close()
	loaded := filepath.Join(cache, id, "debuginfo")
	if got := o.File.DebugFile().Name; got != loaded {
		t.Errorf("debugging information of %s, want %s", got, loaded)
	}
	if n := len(told); n < 4 || told[n-2] != told[n-1] || told[n-1] <= 0 {
		t.Errorf("progress %v", told)
	}
	info, err := os.Stat(loaded)
	if err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("%v, %v, want mode 0400", info.Mode(), err)
	}
	// The other client takes it from there.
	if got := find(t, nobody, cache, "debuginfo", id); got != loaded {
		t.Errorf("debuginfod-find prints %q", got)
	}

	// And we use what the other client has downloaded: code and debugging information of
	// an image of which no file is here.
	image := idOf(t, "vmlinux")
	find(t, url, cache, "debuginfo", image)
	find(t, url, cache, "executable", image)
	f = &Finder{Root: root, Release: release, Server: &Debuginfod{URLs: []string{nobody}, Cache: cache, Retries: -1}}
	v, err := f.Open(t.Context(), "", image, true)
	if err != nil || v.Lacks != nil {
		t.Fatalf("%v, %v", v, err)
	}
	defer v.File.Close()
	got := []string{v.File.Name, v.File.DebugFile().Name}
	if diff := cmp.Diff([]string{filepath.Join(cache, image, "executable"), filepath.Join(cache, image, "debuginfo")}, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	// A file that no server has is recorded in the cache, for both.
	d := &Debuginfod{URLs: []string{url}, Cache: cache}
	missing := strings.Repeat("0123456789", 4)
	if _, err := d.Get(t.Context(), missing, kindDebug); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want ErrNotExist", err)
	}
	if info, err := os.Stat(filepath.Join(cache, missing, "debuginfo")); err != nil || info.Size() != 0 {
		t.Errorf("%v, %v, want an empty file", info, err)
	}
	d.URLs = []string{nobody}
	if _, err := d.Get(t.Context(), missing, kindDebug); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v for a file known to be missing, want ErrNotExist", err)
	}
}

// find runs elfutils' client and returns the path that it prints.
func find(t *testing.T, url, cache, kind, id string) string {
	t.Helper()
	cmd := exec.Command("debuginfod-find", kind, id)
	cmd.Env = append(os.Environ(), "DEBUGINFOD_URLS="+url, "DEBUGINFOD_CACHE_PATH="+cache)
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("debuginfod-find %s %s: %v", kind, id, err)
	}
	return strings.TrimSpace(string(out))
}

// TestDebuginfodFaults uses servers that do what a real one does only when it fails.
func TestDebuginfodFaults(t *testing.T) {
	id := idOf(t, "module")
	good, err := os.ReadFile(piece(t, "module.debug"))
	if err != nil {
		t.Fatal(err)
	}
	bad, err := os.ReadFile(piece(t, "other.debug"))
	if err != nil {
		t.Fatal(err)
	}
	send := func(b []byte) http.HandlerFunc { return func(w http.ResponseWriter, _ *http.Request) { w.Write(b) } }
	tests := []struct {
		name  string
		serve http.HandlerFunc
		d     *Debuginfod
		want  string // in the error
		asked int32
	}{
		{"good", send(good), &Debuginfod{}, "", 1},
		{"of another build", send(bad), &Debuginfod{}, "has the build ID", 1},
		{"no ELF file", send([]byte("<html>please log in</html>")), &Debuginfod{}, "malformed", 1},
		{"too large", send(good), &Debuginfod{MaxSize: 100}, "larger than 100 bytes", 1},
		{"too large, of unknown size", func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.Write(good)
		}, &Debuginfod{MaxSize: 100}, "larger than 100 bytes", 1},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			w.Write(good[:1000])
		}, &Debuginfod{Retries: 2}, "unexpected EOF", 3},
		{"not now", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, &Debuginfod{Retries: 1}, "503", 2},
		{"slow", func(w http.ResponseWriter, r *http.Request) {
			w.Write(good[:100])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, &Debuginfod{Retries: -1, Timeout: 200 * time.Millisecond}, "less than 102400 bytes in 200ms", 1},
		{"for ever", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			&Debuginfod{Retries: 5, MaxTime: 200 * time.Millisecond}, "not loaded within 200ms", 1},
		{"not wanted any more", send(good), &Debuginfod{Progress: func(string, int64, int64) error { return errors.New("enough") }}, "enough", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				tt.serve(w, r)
			}))
			defer server.Close()
			d := tt.d
			d.URLs, d.Cache = []string{server.URL + "/"}, t.TempDir()
			path, err := d.Get(t.Context(), id, kindDebug)
			if text := fmt.Sprint(err); tt.want == "" && err != nil || !strings.Contains(text, tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error %v says that there is none", err)
			}
			if got := asked.Load(); got != tt.asked {
				t.Errorf("asked %d times, want %d", got, tt.asked)
			}
			if entries, _ := os.ReadDir(filepath.Join(d.Cache, id)); (err == nil) != (len(entries) == 1) {
				t.Errorf("in the cache: %v", entries)
			}
			if err == nil {
				if again, err := d.Get(t.Context(), id, kindDebug); again != path || err != nil || asked.Load() != 1 {
					t.Errorf("again: %s, %v, asked %d times", again, err, asked.Load())
				}
			}
		})
	}
}

// TestLeaveAlone checks that a missing server is not tried twice.
func TestLeaveAlone(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(500)
	}))
	defer server.Close()
	d := &Debuginfod{URLs: []string{server.URL}, Cache: t.TempDir(), Retries: -1}
	for _, id := range []string{"0123456789", "abcdef0123"} {
		if _, err := d.Get(t.Context(), id, kindDebug); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times, want once", asked.Load())
	}
}

// A context ends the request with its cause, which is not the server's fault.
func TestGetContext(t *testing.T) {
	asked := make(chan bool, 3)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- true
		<-r.Context().Done()
	}))
	defer server.Close()
	d := &Debuginfod{URLs: []string{server.URL, nobody}, Cache: t.TempDir()}
	enough := errors.New("enough")
	for range 2 {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-asked
			cancel(enough)
		}()
		if _, err := d.Get(ctx, "0123456789", kindDebug); !errors.Is(err, enough) {
			t.Errorf("error %v", err)
		}
	}
	if n := len(asked); n != 0 {
		t.Errorf("asked %d times more than once each time", n)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("DEBUGINFOD_URLS", "")
	if d := EnvironmentDebuginfod(); d != nil {
		t.Errorf("%v without servers", d)
	}
	t.Setenv("DEBUGINFOD_URLS", "ima:enforcing https://a.example https://b.example")
	t.Setenv("DEBUGINFOD_MAXSIZE", "1000")
	t.Setenv("DEBUGINFOD_MAXTIME", "10")
	t.Setenv("DEBUGINFOD_TIMEOUT", "x")
	t.Setenv("DEBUGINFOD_RETRY_LIMIT", "0")
	d := EnvironmentDebuginfod()
	got := fmt.Sprint(d.URLs, d.MaxSize, d.MaxTime, d.Timeout, d.Retries)
	if diff := cmp.Diff("[https://a.example https://b.example] 1000 10s 0s -1", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
