// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakprof

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak/internal/need"
)

// profileFile writes the profile of a capture.
func profileFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "leaks.pb.gz")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	err = Write(file, capture(t, "6.12-x86_64"), &Options{Symbolizer: symbolizer(t, "6.12-x86_64")})
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	return name
}

// pprof prepares a run of the program that profiles are for.
func pprof(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.Command("go", "tool", "-n", "pprof").Output() // this builds it
	if err != nil {
		need.Skip(t, "the go command and its tool pprof are missing (try: have go in PATH): %v", err)
	}
	cmd := exec.Command(strings.TrimSpace(string(path)), append([]string{"-symbolize=none"}, args...)...)
	cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
	return cmd
}

// TestPprof prints the profile with the program that it is for.
func TestPprof(t *testing.T) {
	name := profileFile(t)
	tests := []struct {
		args []string
		want []string
	}{
		{[]string{"-top", "-cum"}, []string{
			"File: vmlinux", "Type: leaked_space", "hello_init", "12288B 97.46% 97.46%     12288B 97.46%  myfunc", "320B  2.54%   100%       320B  2.54%  greeting_alloc (inline)",
		}},
		{[]string{"-top", "-sample_index=leaked_objects", "-focus=greet"}, []string{"Type: leaked_objects", "5 62.50%"}},
		{[]string{"-list=^myfunc$"}, []string{"leak: first page", "leak: third page, a tail call"}},
		{[]string{"-tags"}, []string{"comm: Total", "test", "module: Total", "hello_kernel", "age: Total", "pid: Total", ": 663\n"}},
		{[]string{"-top", "-tagfocus=pid=663", "-tagfocus=age=unknown"}, []string{"hello_init"}},
		{[]string{"-traces", "-lines"}, []string{"hello.c:LINE(leak: third page)", "hello.c:LINE(call: myfunc)"}},
	}
	for _, tt := range tests {
		out, err := pprof(t, append(slices.Clip(tt.args), name)...).CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v", tt.args, err)
		}
		for _, want := range tt.want {
			if want = lines(t, want); !strings.Contains(string(out), want) {
				t.Errorf("%v: no %q in\n%s", tt.args, want, out)
			}
		}
	}
}

var screenshots = flag.String("screenshots", "", "have chromium draw pprof's pages, for `folder` docs")

// pages are the pages of pprof -http.
var pages = []struct {
	path, picture string
	height        int // of the picture
	want          []string
}{
	{"flamegraph?g=lines&si=leaked_objects", "leakprof.png", 370, []string{
		`{"FullName":"myfunc:LINE(leak: third page)","FileName":"../testdata/modules/hello_kernel/hello.c"`,
		`{"FullName":"greeting_alloc:LINE(leak: greeting)","FileName":"../testdata/modules/hello_kernel/hello.c","UniqueName":"greeting_alloc:LINE(leak: greeting)","Inlined":true`,
		`{"FullName":"do_one_initcall","FileName":""`,
	}},
	{"top?g=lines", "leakprof-top.png", 440, []string{`"Name":"myfunc ../testdata/modules/hello_kernel/hello.c:LINE(leak: first page)"`, `"Flat":4096`}},
	{"source?f=myfunc%7Cgreeting_alloc", "leakprof-source.png", 680, []string{"leak: first page", "leak: third page, a tail call", "leak: greeting"}},
}

// lines replaces LINE(comment) by the line of hello.c that has the comment.
func lines(t *testing.T, s string) string {
	t.Helper()
	source, err := os.ReadFile(data + "modules/hello_kernel/hello.c")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`LINE\(([^)]*)\)`).ReplaceAllStringFunc(s, func(m string) string {
		before, _, ok := strings.Cut(string(source), m[len("LINE("):len(m)-1])
		if !ok {
			t.Fatalf("no line has %s", m)
		}
		return strconv.Itoa(strings.Count(before, "\n") + 1)
	})
}

// TestPages checks what pprof shows in a browser.
func TestPages(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // pprof must be given a port, because it does not print the one that it chooses
	server := pprof(t, "-http="+addr, "-no_browser", profileFile(t))
	var log strings.Builder
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- server.Wait() }()
	t.Cleanup(func() { server.Process.Kill(); <-exited })
	for _, p := range pages {
		url := "http://" + addr + "/ui/" + p.path
		html, err := get(url)
		for deadline := time.Now().Add(time.Minute); err != nil && time.Now().Before(deadline); html, err = get(url) {
			select {
			case err := <-exited:
				exited <- err
				t.Fatalf("pprof: %v: %s", err, log.String())
			case <-time.After(50 * time.Millisecond):
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range p.want {
			if want = lines(t, want); !strings.Contains(html, want) {
				t.Errorf("%s: no %s", p.path, want)
			}
		}
		if *screenshots != "" {
			out, err := exec.Command("chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=5000",
				fmt.Sprintf("--window-size=1200,%d", p.height), "--screenshot="+filepath.Join(*screenshots, p.picture), url).CombinedOutput()
			if err != nil {
				t.Fatalf("chromium (try: apt-get install chromium): %v: %s", err, out)
			}
		}
	}
}

func get(url string) (string, error) {
	response, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(body), err
}
