// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

// pty returns both sides of a new pseudo-terminal.
func pty(t *testing.T) (outside, inside *os.File) {
	t.Helper()
	dir := "/dev/pts"
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil { // root can have pseudo-terminals of its own
		dir = t.TempDir()
		if err = unix.Mount("devpts", dir, "devpts", 0, "newinstance,ptmxmode=0666"); err == nil {
			t.Cleanup(func() { unix.Unmount(dir, 0) })
			outside, err = os.OpenFile(dir+"/ptmx", os.O_RDWR, 0)
		}
	}
	if err != nil {
		need.Skip(t, "a pseudo-terminal is missing: %v (try: mount -t devpts -o ptmxmode=666 devpts /dev/pts)", err)
	}
	t.Cleanup(func() { outside.Close() })
	n, err := unix.IoctlGetInt(int(outside.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(outside.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	inside, err = os.OpenFile(fmt.Sprintf("%s/%d", dir, n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inside.Close() })
	return outside, inside
}

// A terminal shows what is going on if that takes over a second, and it is erased
// afterwards.
func TestProgress(t *testing.T) {
	text := readFileText(t, report)
	// The runtime's goroutine for signals, which is for all, must not begin in a bubble.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGHUP)
	signal.Stop(signals)
	for _, tt := range []struct {
		name  string
		takes time.Duration
		want  []string // in this order; nothing but these if it is empty
	}{
		{"quick", patience * 3 / 5, nil},
		{"slow", patience + patience/2, []string{"\rreading standard input, 0 leaks, 1s\x1b[K", "\r\x1b[K"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			outside, inside := pty(t)
			synctest.Test(t, func(t *testing.T) {
				in, feed := io.Pipe()
				go func() {
					time.Sleep(tt.takes)
					io.WriteString(feed, text)
					feed.Close()
				}()
				var out bytes.Buffer
				if status := run(t.Context(), []string{"symbolize", "-release", "0"}, stdio{in: in, out: &out, err: inside}); status != statusLeaks {
					t.Errorf("status %d", status)
				}
			})
			io.WriteString(inside, "END") // so that there is something to read
			got := readTo(t, outside, "END")
			rest := got
			for _, want := range tt.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("%q is not in %q", want, got)
				}
				rest = after
			}
			if rest != "" {
				t.Errorf("%q is left of %q", rest, got)
			}
		})
	}
}

// TestProgressLoading downloads a module from a slow server.
func TestProgressLoading(t *testing.T) {
	module := readFileText(t, helloDir+"/hello-kernel.ko")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(module)))
		io.WriteString(w, module[:len(module)/2])
		w.(http.Flusher).Flush()
		time.Sleep(patience + patience/2)
		io.WriteString(w, module[len(module)/2:])
	}))
	defer server.Close()
	t.Setenv("DEBUGINFOD_URLS", server.URL)
	t.Setenv("DEBUGINFOD_CACHE_PATH", t.TempDir())
	outside, inside := pty(t)
	var out bytes.Buffer
	status := run(t.Context(), []string{"symbolize", "-release", "0", "-snapshot", modules, report}, stdio{out: &out, err: inside})
	if status != statusLeaks || !strings.Contains(out.String(), "hello.c:29") {
		t.Errorf("status %d, %s", status, out.String())
	}
	io.WriteString(inside, "END")
	got := readTo(t, outside, "END")
	if !strings.Contains(got, "\rloading from "+strings.TrimPrefix(server.URL, "http://")+", 0 of 0 MB, 1s\x1b[K") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("%q", got)
	}
}

func TestPprofTerminal(t *testing.T) {
	_, inside := pty(t)
	for _, args := range [][]string{{"pprof"}, {"find", "-format", "pprof"}, {"diff", "-format", "pprof", report, report}} {
		var said bytes.Buffer
		status := run(t.Context(), args, stdio{in: strings.NewReader(""), out: inside, err: &said})
		if status != statusError || !strings.Contains(said.String(), "a profile is not for terminals (try: -o leaks.pb.gz)") {
			t.Errorf("%s: status %d, %s", args, status, said.String())
		}
	}
}

// readTo reads up to a word and returns the text before it.
func readTo(t *testing.T, r io.Reader, word string) string {
	t.Helper()
	var got []byte
	for !bytes.HasSuffix(got, []byte(word)) {
		b := make([]byte, 256)
		n, err := r.Read(b)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got = append(got, b[:n]...)
	}
	return string(bytes.TrimSuffix(got, []byte(word)))
}
