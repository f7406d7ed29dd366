// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package readme holds the documents against the code. README's and getting-started's
// commands are for readme.sh.
package readme

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// literals returns the texts of a folder's code, by where they are, and of those the
// ones that errors are made of.
func literals(t *testing.T, dir string) (all []string, errs map[string]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	errs = make(map[string]string)
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		text := func(n ast.Node) (string, bool) {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return "", false
			}
			s, err := strconv.Unquote(lit.Value)
			return s, err == nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := text(n); ok {
				all = append(all, s)
			}
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if s, isText := text(call.Args[0]); ok && isText && (f.Sel.Name == "Errorf" || f.Sel.Name == "New" || f.Sel.Name == "doubt") {
				errs[s] = set.Position(call.Pos()).String()
			}
			return true
		})
	}
	return all, errs
}

var (
	verb = regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`)
	word = regexp.MustCompile(`[A-Za-z]{2,}`)
)

// own are errors that say nothing without the cause behind them, or that only the
// author of a program sees.
var own = []string{"report: cannot tell", "restart the automatic scan", "stop the automatic scan", "have scans look at stacks", "have scans leave out stacks",
	"look for the kernel's scanning thread", "no line about such an object",
	// Behind one of the exported errors, which the page has.
	"was loaded, and its leaks are not reported", "and %d that were reported before", "that was set for reading them"}

// TestTroubleshooting sees that the texts of docs/troubleshooting.md are those of the
// code, and that it has all errors of driving the kernel, here or elsewhere, and of searching.
func TestTroubleshooting(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	need := make(map[string]string)
	for _, dir := range []string{".", "internal/machine", "internal/debugfile", "internal/resolve", "kmemleaktest", "cmd/kmemleak", "shell", "leakwindow"} {
		all, errs := literals(t, dir)
		code.WriteString(strings.Join(all, "\n") + "\n")
		for text, at := range errs {
			if name := filepath.Base(at); dir == "internal/machine" || dir == "shell" || dir == "leakwindow" || dir == "." && (strings.HasPrefix(name, "find") || strings.HasPrefix(name, "proof")) {
				need[text] = at
			}
		}
	}
	var rows []string
	for line := range strings.Lines(string(doc)) {
		m := regexp.MustCompile("^\\| `([^`]+)` \\|").FindStringSubmatch(line)
		if m == nil {
			continue
		}
		rows = append(rows, m[1])
		for _, part := range strings.Split(m[1], "…") {
			if !strings.Contains(code.String(), strings.TrimSpace(part)) {
				t.Errorf("no error has the text %q of docs/troubleshooting.md", part)
			}
		}
	}
	if len(rows) < 50 {
		t.Fatalf("only %d rows", len(rows))
	}
	for text, at := range need {
		known := len(word.FindAllString(verb.ReplaceAllString(text, ""), -1)) < 4
		for _, row := range append(own, rows...) {
			known = known || !slices.ContainsFunc(strings.Split(row, "…"), func(part string) bool { return !strings.Contains(text, strings.TrimSpace(part)) })
		}
		if !known {
			t.Errorf("%s: docs/troubleshooting.md does not have %q", at, text)
		}
	}
}
