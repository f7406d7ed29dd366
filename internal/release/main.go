// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Release builds what is released: kmemleak for all targets, their checksums, and an
// SBOM. It needs a checkout of git without changes, since the version in the programs is
// git's. Whoever builds the same commit with the same Go gets the same bytes, wherever
// the checkout is.
//
//	release [-o FOLDER] [-only GOOS/GOARCH[+nonet],…] [-run REPORT]
//
// With -run, each program for Linux symbolizes this report, in QEMU's user emulation
// where it is of another architecture.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A target is what a program is built for.
type target struct {
	goos, goarch string
	nonet        bool // for initramfs: without what a guest does not need, and small
}

func (t target) String() string {
	s := t.goos + "/" + t.goarch
	if t.nonet {
		s += "+nonet"
	}
	return s
}

// most is the largest size in bytes that a program for initramfs may have.
const most = 5 << 20

// targets returns all of them. Control is for Linux; elsewhere kmemleak reads reports.
func targets() []target {
	var all []target
	for _, arch := range []string{"amd64", "arm64", "386", "arm", "riscv64", "ppc64le", "s390x"} {
		all = append(all, target{"linux", arch, false}, target{"linux", arch, true})
	}
	for _, goos := range []string{"darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			all = append(all, target{goos, arch, false})
		}
	}
	return all
}

func main() {
	out := flag.String("o", "dist", "`folder` of the programs; it must not exist")
	only := flag.String("only", "", "build these `targets` alone")
	report := flag.String("run", "", "symbolize this `report` with each program for Linux")
	flag.Parse()
	if err := release(*out, *only, *report); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(out, only, report string) error {
	chosen := targets()
	if only != "" {
		names := strings.Split(only, ",")
		chosen = slices.DeleteFunc(chosen, func(t target) bool { return !slices.Contains(names, t.String()) })
		if len(chosen) != len(names) {
			return fmt.Errorf("a target in %q is none of %v", only, targets())
		}
	}
	if err := os.Mkdir(out, 0o755); err != nil {
		return fmt.Errorf("%w (try: remove it)", err)
	}
	var made []artifact
	for _, t := range chosen {
		a, err := build(out, t)
		if err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
		fmt.Printf("%s  %9d  %s\n", a.sum[:12], a.size, a.name)
		if report != "" && t.goos == "linux" {
			if err := run(filepath.Join(out, a.name), t.goarch, report); err != nil {
				return fmt.Errorf("%v: %w", t, err)
			}
		}
		made = append(made, a)
	}
	bom, err := sbom(made)
	if err != nil {
		return err
	}
	const name = "kmemleak.cdx.json"
	if err := os.WriteFile(filepath.Join(out, name), bom, 0o644); err != nil {
		return err
	}
	var sums strings.Builder
	for _, a := range append(made, artifact{name: name, sum: sum(bom)}) {
		fmt.Fprintf(&sums, "%s  %s\n", a.sum, a.name)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// An artifact is a program that was built.
type artifact struct {
	name, sum string // sum is its SHA-256 in hexadecimal
	size      int
	info      *buildinfo.BuildInfo
}

// build builds the program for a target. Its name has no version: links to the latest
// release stay valid, and the program says its version itself.
func build(out string, t target) (artifact, error) {
	name := "kmemleak-" + strings.NewReplacer("/", "-", "+", "-").Replace(t.String())
	if t.goos == "windows" {
		name += ".exe"
	}
	path := filepath.Join(out, name)
	args := []string{"build", "-trimpath", "-buildvcs=true", "-o", path}
	linker := "-ldflags=-s -w"
	if t.nonet {
		args = append(args, "-tags=nonet", "-gcflags=all=-l") // without inlining: 6 % smaller
		linker += " -funcalign=4"                             // not 32, as amd64 has it: 3 %
		if t.goarch == "s390x" {
			linker += " -R=4096" // its pages always have this size, and its linker's segments 64 KiB
		}
	}
	args = append(args, linker)
	cmd := exec.Command("go", append(args, modulePath+"/cmd/kmemleak")...)
	// What else changes the bytes must not come from the environment.
	cmd.Env = append(os.Environ(), "GOOS="+t.goos, "GOARCH="+t.goarch, "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=",
		"GOAMD64=v1", "GOARM64=v8.0", "GO386=sse2", "GOARM=7", "GORISCV64=rva20u64", "GOPPC64=power8")
	if b, err := cmd.CombinedOutput(); err != nil {
		return artifact{}, fmt.Errorf("go build: %w: %s", err, b)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return artifact{}, err
	}
	if t.nonet && len(b) > most {
		return artifact{}, fmt.Errorf("%d bytes, more than %d: nonet.go of cmd/kmemleak says what is left out; go tool nm -size -sort size of a program without -s shows what is new", len(b), most)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return artifact{}, err
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.modified" && s.Value == "true" {
			return artifact{}, fmt.Errorf("the checkout has changes (try: git stash -u)")
		}
	}
	return artifact{name, sum(b), len(b), info}, nil
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// emulators has the names that QEMU has for architectures of Go.
var emulators = map[string]string{
	"amd64": "x86_64", "arm64": "aarch64", "386": "i386", "arm": "arm", "riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x",
}

// run sees that a program reads a report.
func run(program, goarch, report string) error {
	args := []string{program, "symbolize", report}
	native := goarch == runtime.GOARCH || goarch == "386" && runtime.GOARCH == "amd64"
	if !native {
		args = slices.Insert(args, 0, "qemu-"+emulators[goarch]+"-static")
	}
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if code := exitCode(err); code != 1 || !strings.Contains(string(out), "leak") {
		return fmt.Errorf("%s: exit status %d (%v), not 1 for leaks: %s", strings.Join(args, " "), code, err, out)
	}
	return nil
}

// exitCode returns the exit status of a program, or -1 if it did not run to its end.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return -1
}
