// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// script runs a shell script in a folder, in which IN is a file.
func script(t *testing.T, dir, in, commands string) {
	t.Helper()
	in, err := filepath.Abs(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-euc", commands)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "IN="+in)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", commands, err, out)
	}
}

// told gives all that is said about the frames of leaks, with FILE for the path of
// the module's file or folder.
func told(s *Symbolizer, leaks []Leak) []string {
	var all []string
	for _, l := range leaks {
		for _, c := range s.Backtrace(l.Backtrace) {
			err := strings.ReplaceAll(fmt.Sprint(c.Err), cmp.Or(c.ObjectFile, s.Dirs[0]), "FILE")
			all = append(all, fmt.Sprintf("%s %v %v %+v %+v %q %s", c.Frame, c.Kind, c.Confidence, c.Pos, c.Others, c.Reason, err))
		}
	}
	return all
}

// TestSeparateDebugFile takes the debugging information out of modules, in all the
// ways that distributions do, and wants the answers of the whole module.
func TestSeparateDebugFile(t *testing.T) {
	need.Tools(t, "binutils elfutils xz-utils zstd", "objcopy", "strip", "eu-strip", "xz", "zstd", "gzip")
	need.Tools(t, "binutils-aarch64-linux-gnu", "aarch64-linux-gnu-objcopy", "aarch64-linux-gnu-strip")
	const (
		keepDebug = "objcopy --only-keep-debug $IN m.debug\n"
		stripped  = "objcopy --strip-debug --add-gnu-debuglink=m.debug $IN hello-kernel.ko\n"
	)
	tests := []struct{ name, commands string }{
		{"objcopy", keepDebug + stripped},
		{"strip, no link", "objcopy --only-keep-debug $IN hello-kernel.ko.debug; strip --strip-debug -o hello-kernel.ko $IN"},
		{"link, no build ID", `
			objcopy --remove-section=.note.gnu.build-id $IN whole
			objcopy --only-keep-debug whole m.debug
			objcopy --strip-debug --add-gnu-debuglink=m.debug whole hello-kernel.ko`},
		{"eu-strip", "eu-strip -f m.debug -o hello-kernel.ko $IN"},
		{"eu-strip, relocated", "eu-strip --reloc-debug-sections -f m.debug -o hello-kernel.ko $IN"},
		{"eu-strip as in Fedora", "eu-strip --reloc-debug-sections -g -f hello-kernel.ko.debug -o hello-kernel.ko $IN"},
		{"compressed sections", keepDebug + "objcopy --compress-debug-sections=zlib m.debug\n" + stripped},
		{"compressed sections, zstd", keepDebug + "objcopy --compress-debug-sections=zstd m.debug\n" + stripped},
		{"in a folder .debug", keepDebug + stripped + "mkdir .debug; mv m.debug .debug"},
		{"debug file first", "eu-strip -f hello-kernel.ko -o hello_kernel.ko $IN"},
		{"packed with xz", keepDebug + stripped + "xz --check=crc32 --lzma2=dict=1MiB hello-kernel.ko"},
		{"packed with zstd", keepDebug + stripped + "zstd -q --rm hello-kernel.ko"},
		{"packed with gzip", keepDebug + stripped + "gzip -n hello-kernel.ko"},
	}
	for _, build := range helloBuilds {
		leaks, modules := helloReport(t, build)
		file := filepath.Join(helloModules, build, "hello-kernel.ko")
		for _, snapshot := range []bool{true, false} {
			if !snapshot {
				modules = nil
			}
			answers := func(t *testing.T, path string) []string {
				s := &Symbolizer{Release: "0", Dirs: []string{path}, Modules: modules}
				defer s.Close()
				return told(s, leaks)
			}
			want := answers(t, file)
			for _, tt := range tests {
				t.Run(fmt.Sprintf("%s snapshot=%t %s", build, snapshot, tt.name), func(t *testing.T) {
					dir := t.TempDir()
					commands := tt.commands
					if strings.HasSuffix(build, "-arm64") {
						commands = strings.NewReplacer("objcopy", "aarch64-linux-gnu-objcopy", "; strip", "; aarch64-linux-gnu-strip").Replace(commands)
					}
					script(t, dir, file, commands)
					want := want
					other := filepath.Join(dir, "whole")
					if _, err := os.Stat(other); err == nil {
						whole := filepath.Join(t.TempDir(), "hello-kernel.ko")
						if err := os.Rename(other, whole); err != nil {
							t.Fatal(err)
						}
						want = answers(t, whole)
					}
					if diff := gocmp.Diff(want, answers(t, dir)); diff != "" {
						t.Errorf("(-whole module +stripped and debug file):\n%s", diff)
					}
				})
			}
		}
	}
}
