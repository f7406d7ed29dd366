// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

const (
	release = "6.12.117-1-test"
	hello   = "../../testdata/modules/hello_kernel/6.12-x86_64/hello-kernel.ko"
	other   = "../../testdata/modules/hello_kernel/6.1-x86_64/hello-kernel.ko"
	linked  = "../../testdata/modules/arches/x86_64.ko"
)

// parts are the files that the tests put into trees: modules and kernel images, whole,
// stripped, and their debug files. They are made of the fixtures by the tools that
// distributions use.
//
//	module, module.code, module.debug    and the stripped one packed: module.code.xz, .gz, .zst
//	other, other.code, other.debug       of another build
//	noid.code, noid.debug                without build ID
//	vmlinux, vmlinux.code, vmlinux.debug
var parts struct {
	once sync.Once
	dir  string
	err  error
}

const makeParts = `
cp "$HELLO" module; cp "$OTHER" other
objcopy --remove-section=.note.gnu.build-id module noid
ld --unresolved-symbols=ignore-all -e 0 --build-id -o vmlinux "$LINKED" 2>/dev/null
for f in module other; do eu-strip --reloc-debug-sections -g -f $f.debug -o $f.code $f; done
eu-strip -f vmlinux.debug -o vmlinux.code vmlinux
objcopy --dump-section .modinfo=modinfo noid /dev/null; printf 'srcversion=0123456789ABCDEF0123456\0' >>modinfo
objcopy --update-section .modinfo=modinfo noid sourced
objcopy --only-keep-debug noid noid.debug
objcopy --strip-debug --add-gnu-debuglink=noid.debug noid noid.code
for f in module.code module vmlinux.code; do
	xz --check=crc32 --lzma2=dict=1MiB -kf $f; gzip -knf $f; zstd -qkf $f
done
`

// piece returns the path of one of the parts, which nothing changes.
func piece(t testing.TB, name string) string {
	t.Helper()
	need.Tools(t, "binutils elfutils xz-utils zstd", "objcopy", "ld", "eu-strip", "xz", "gzip", "zstd")
	parts.once.Do(func() {
		if parts.dir, parts.err = os.MkdirTemp("", "parts"); parts.err != nil {
			return
		}
		cmd := exec.Command("sh", "-euc", makeParts)
		cmd.Dir, cmd.Env = parts.dir, os.Environ()
		for name, path := range map[string]string{"HELLO": hello, "OTHER": other, "LINKED": linked} {
			abs, err := filepath.Abs(path)
			if err != nil {
				parts.err = err
				return
			}
			cmd.Env = append(cmd.Env, name+"="+abs)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			parts.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if parts.err != nil {
		t.Fatal(parts.err)
	}
	return filepath.Join(parts.dir, name)
}

func TestMain(m *testing.M) {
	// Nothing is downloaded from servers that the user of this machine has configured.
	os.Unsetenv("DEBUGINFOD_URLS")
	code := m.Run()
	if parts.dir != "" {
		os.RemoveAll(parts.dir)
	}
	os.Exit(code)
}

// plant makes a tree of files. The value of a path is the name of a part, the target of
// a link behind "->", or text behind "=". REL in both stands for the release.
func plant(t testing.TB, tree map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		path := filepath.Join(root, strings.ReplaceAll(name, "REL", release))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		what := strings.ReplaceAll(tree[name], "REL", release)
		target, isLink := strings.CutPrefix(what, "->")
		text, isText := strings.CutPrefix(what, "=")
		var err error
		switch {
		case isLink:
			err = os.Symlink(target, path)
		case isText:
			err = os.WriteFile(path, []byte(text), 0o644)
		default:
			var b []byte
			if b, err = os.ReadFile(piece(t, what)); err == nil {
				err = os.WriteFile(path, b, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// idOf returns the build ID of a part.
func idOf(t testing.TB, name string) string {
	t.Helper()
	f, err := kobj.Open(piece(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.BuildID()
}

// byIDPath returns the path of a link by build ID below a folder .build-id.
func byIDPath(id string) string { return id[:2] + "/" + id[2:] }

// relative returns a path below root with slashes, and REL for the release.
func relative(t testing.TB, root, path string) string {
	t.Helper()
	rel, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(filepath.ToSlash(rel), release, "REL")
}

// walked returns the folders that a Finder walked through.
func walked(f *Finder, root string) []string {
	var dirs []string
	for dir, d := range f.folders {
		if d.files != nil {
			if rel, err := filepath.Rel(root, dir); err == nil {
				dir = strings.ReplaceAll(filepath.ToSlash(rel), release, "REL")
			}
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}
