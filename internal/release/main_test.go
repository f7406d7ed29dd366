// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// checkout returns a checkout of what is here now, committed or not.
func checkout(t *testing.T, root string) string {
	t.Helper()
	need.Tools(t, "git tar", "git", "tar")
	dir := filepath.Join(t.TempDir(), "checkout")
	shell(t, `mkdir "$DIR" && cd "$ROOT" && tar -c --exclude ./bin --exclude ./dist --exclude ./testdata --exclude ./.git . | tar -x -C "$DIR" &&
		mkdir -p "$DIR/testdata/reports" && cp testdata/reports/hello_kernel-6.12-x86_64.txt "$DIR/testdata/reports"
		cd "$DIR" && git init -q && git add -A && git commit -q -m x && git tag v0.9.9`, "ROOT="+root, "DIR="+dir)
	return dir
}

func shell(t *testing.T, script string, env ...string) string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", script)
	cmd.Env = append(os.Environ(), append(env, "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@example.com", "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z",
		"GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@example.com", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z")...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out)
}

// TestRelease builds the same commit in two folders, and compares all bytes.
func TestRelease(t *testing.T) {
	if runtime.GOOS != "linux" {
		need.Skip(t, "a program for Linux is run (try: on Linux)")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	native := "linux/" + runtime.GOARCH
	sums := make([]string, 2)
	for i := range sums {
		t.Chdir(checkout(t, root))
		if err := release("dist", native+","+native+"+nonet", "testdata/reports/hello_kernel-6.12-x86_64.txt"); err != nil {
			t.Fatal(err)
		}
		shell(t, "cd dist && sha256sum -c SHA256SUMS")
		b, err := os.ReadFile("dist/SHA256SUMS")
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = string(b)
	}
	if diff := cmp.Diff(sums[0], sums[1]); diff != "" || strings.Count(sums[0], "\n") != 3 {
		t.Errorf("(-one folder +another):\n%s\n%s", diff, sums[0])
	}
	small := "dist/kmemleak-linux-" + runtime.GOARCH + "-nonet"
	for _, args := range []string{"refs 0x1", "report -core x", "explain -core x", "pprof testdata/reports/hello_kernel-6.12-x86_64.txt",
		"symbolize -format pprof testdata/reports/hello_kernel-6.12-x86_64.txt",
		"explain -format mail -leak 2a2b3f2db5b8094b testdata/reports/hello_kernel-6.12-x86_64.txt"} {
		out := shell(t, small+" "+args+" 2>&1 || test $? -eq 2")
		if !strings.Contains(out, "this program was built without") || !strings.Contains(out, "use the program without -nonet (try: ") {
			t.Errorf("%s: %s", args, out)
		}
	}
	if got := shell(t, "dist/kmemleak-linux-"+runtime.GOARCH+" version"); !strings.HasPrefix(got, "kmemleak v0.9.9, revision ") {
		t.Errorf("version: %s", got)
	}
	// The largest of those that have a bound, so that all have it.
	if err := release("largest", "linux/s390x+nonet", ""); err != nil {
		t.Error(err)
	}
	if err := release("dist", native, ""); err == nil || !strings.Contains(err.Error(), "try: remove it") {
		t.Errorf("into a folder that exists: %v", err)
	}
	if err := release("other", "plan9/mips", ""); err == nil || !strings.Contains(err.Error(), "is none of") {
		t.Errorf("an unknown target: %v", err)
	}
	shell(t, "echo >> README.md")
	if err := release("changed", native, ""); err == nil || !strings.Contains(err.Error(), "the checkout has changes") {
		t.Errorf("a checkout with changes: %v", err)
	}
}

// TestNoNetwork sees that the build tag leaves out all that could reach a server, and what
// makes programs large.
func TestNoNetwork(t *testing.T) {
	need.Tools(t, "golang", "go")
	for tags, want := range map[string]bool{"": true, "nonet": false} {
		cmd := exec.Command("go", "list", "-deps", "-tags="+tags, modulePath+"/cmd/kmemleak")
		cmd.Env = append(os.Environ(), "GOOS=linux")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{
			"net", "net/http", "crypto/tls", "crypto/cipher", "regexp", modulePath + "/vmcore", modulePath + "/leakprof",
			"github.com/ianlancetaylor/demangle", "github.com/klauspost/compress/zstd",
		} {
			if got := strings.Contains("\n"+string(out), "\n"+p+"\n"); got != want {
				t.Errorf("tags %q: %s linked: %t", tags, p, got)
			}
		}
	}
}
