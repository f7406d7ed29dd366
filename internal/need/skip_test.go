// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package need

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// skipped are the reasons for which tests skip themselves although nothing is missing, or
// with another way to run them. What is missing is for Skip of this package.
var skipped = map[string]bool{
	"reads 150 MB (try: without -short)":                                                              true,
	"builds all fixtures (try: without -short)":                                                       true,
	"needs another boot (try: make integration): %q":                                                  true, // each test has one
	"this kernel has no namespaces (try: 6.12-arm64)":                                                 true,
	"busybox is of the host's architecture (try: a kernel for x86_64)":                                true,
	"needs the vmlinux of a test kernel (try: make integration)":                                      true, // which runs it on the host
	"needs the dump of a test kernel (try: make integration)":                                         true, // the same
	"is run by another test (try: make integration)":                                                  true,
	"this program cannot run itself: it is under an emulator (try: on a machine of its architecture)": true,
	"files are not mapped here (try: on Linux)":                                                       true,
	"no published reports (try: KMEMLEAK_CORPUS set to a folder of them with their INDEX.tsv)":        true, // others' text
	"no vmlinux (try: make integration, or KMEMLEAK_VMLINUX set to one with debugging information)":   true, // a benchmark
}

// TestSkips sees that no test is skipped in silence: where something is missing, Skip of
// this package makes it fail with KMEMLEAK=require.
func TestSkips(t *testing.T) {
	root, own := filepath.Join("..", ".."), filepath.Join("..", "..", "internal", "need", "need.go")
	found := make(map[string]bool)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != root {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return fs.SkipDir // another module
			}
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") && path != own {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !strings.HasPrefix(method.Sel.Name, "Skip") {
				return true
			}
			of, _ := method.X.(*ast.Ident)
			if of == nil || of.Name == "need" || of.Name != "t" && of.Name != "b" && of.Name != "tb" {
				return true
			}
			reason := ""
			if len(call.Args) > 0 {
				if text, ok := call.Args[0].(*ast.BasicLit); ok {
					reason, _ = strconv.Unquote(text.Value)
				}
			}
			switch {
			case skipped[reason]:
				found[reason] = true
			case path != own:
				t.Errorf("%v: skips a test (try: need.Skip, or name the reason here)", set.Position(call.Pos()))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for reason := range skipped {
		if !found[reason] {
			t.Errorf("nothing is skipped for %q", reason)
		}
		if !strings.Contains(reason, "(try: ") {
			t.Errorf("%q names no remedy", reason)
		}
	}
}
