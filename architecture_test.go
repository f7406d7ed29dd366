// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak/internal/need"
)

// The rules of docs/architecture.md are read from it, so that the document and the
// code cannot part: its tables list packages and files from the top down, and what is
// lower must not know what is higher.

const modulePath = "github.com/kmemleak/kmemleak"

// TestPackageArrows holds the imports of packages against the column "may import".
func TestPackageArrows(t *testing.T) {
	allowed := make(map[string][]string)
	for _, row := range architectureTable(t, "## Packages") {
		allowed[row[0]] = row[1:]
	}
	for _, p := range goList(t, "./...") {
		name := packageName(p.ImportPath)
		if strings.HasPrefix(name, "examples/") {
			name = "examples"
		}
		may, ok := allowed[name]
		if !ok {
			t.Errorf("package %s is not in docs/architecture.md", name)
			continue
		}
		for _, imported := range p.Imports {
			if imported != modulePath && !strings.HasPrefix(imported, modulePath+"/") {
				continue
			}
			if to := packageName(imported); !slices.Contains(may, to) {
				t.Errorf("%s imports %s, which docs/architecture.md does not allow", name, to)
			}
		}
	}
}

// TestFileArrows holds the uses between files of the root package against the order of
// the table of files: a file may use what the files below it define.
func TestFileArrows(t *testing.T) {
	floor := make(map[string]int)
	for i, row := range architectureTable(t, "## Files of the root") {
		floor[row[0]] = i
	}
	for from, used := range fileUses(t) {
		at, ok := floor[from]
		if !ok {
			t.Errorf("%s is not in docs/architecture.md", from)
			continue
		}
		for to, name := range used {
			if below, ok := floor[to]; ok && below < at {
				t.Errorf("%s uses %s of %s, which is above it in docs/architecture.md", from, name, to)
			}
		}
	}
}

// architectureTable returns the names in backquotes of each row of the table below a
// heading.
func architectureTable(t *testing.T, heading string) [][]string {
	t.Helper()
	file, err := os.Open(filepath.Join("docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	quoted := regexp.MustCompile("`([^`]+)`")
	var rows [][]string
	inside, table := false, false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#"):
			inside = line == heading
		case inside && strings.HasPrefix(line, "|"):
			table = true
			cells := strings.Split(line, "|")
			// The first two cells name things, what is behind them is prose.
			var row []string
			for _, m := range quoted.FindAllStringSubmatch(strings.Join(cells[1:min(3, len(cells))], "|"), -1) {
				row = append(row, m[1])
			}
			if len(row) > 0 {
				rows = append(rows, row)
			}
		case inside && table && line == "":
			inside = false
		}
	}
	if !table {
		t.Fatalf("docs/architecture.md has no table below %q", heading)
	}
	return rows
}

type listedPackage struct {
	ImportPath, Export string
	Imports, GoFiles   []string
}

func goList(t *testing.T, args ...string) []listedPackage {
	t.Helper()
	need.Tools(t, "golang", "go")
	var stderr bytes.Buffer
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Export,Imports,GoFiles"}, args...)...)
	cmd.Env = append(os.Environ(), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, &stderr)
	}
	var list []listedPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func packageName(path string) string {
	if path == modulePath {
		return "kmemleak"
	}
	return strings.TrimPrefix(path, modulePath+"/")
}

// fileUses returns for each file of the root the files whose declarations it uses, with
// the name of one.
func fileUses(t *testing.T) map[string]map[string]string {
	t.Helper()
	exports := make(map[string]string)
	var root listedPackage
	for _, p := range goList(t, "-deps", "-export", ".") {
		exports[p.ImportPath] = p.Export
		if p.ImportPath == modulePath {
			root = p
		}
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range root.GoFiles {
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	})}
	pkg, err := config.Check(modulePath, fset, files, info)
	if err != nil {
		t.Fatal(err)
	}
	uses := make(map[string]map[string]string)
	for _, f := range files {
		uses[filepath.Base(fset.Position(f.Pos()).Filename)] = make(map[string]string)
	}
	for id, object := range info.Uses {
		if object.Pkg() != pkg {
			continue
		}
		from := filepath.Base(fset.Position(id.Pos()).Filename)
		to := filepath.Base(fset.Position(object.Pos()).Filename)
		if from != to {
			uses[from][to] = object.Name()
		}
	}
	return uses
}
