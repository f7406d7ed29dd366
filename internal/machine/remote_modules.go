// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// modulesScript prints the files of modules as lines of a path, a colon and the content:
// that of sections as text, build IDs in hex. One process reads all files of a module, for
// there are thousands. The names of sections begin with a dot, mostly. A kernel without
// modules has all of /proc but their list.
const modulesScript = `[ ! -e /proc/modules ] && [ -e /proc/version ] || ` +
	`sed 's/^/proc\/modules:/' /proc/modules && cd /sys/module && { ` +
	`for m in */sections; do grep '' /dev/null "$m"/.[!.]* "$m"/[!.]* 2>/dev/null; done; ` +
	`for n in */notes/.note.gnu.build-id; do [ ! -e "$n" ] || echo "$n:"$(od -An -v -tx1 "$n" 2>/dev/null); done; }`

func (r remote) Modules(ctx context.Context) (fs.FS, error) {
	text, err := r.output(ctx, modulesScript)
	if err != nil {
		return nil, fmt.Errorf("where modules are: %w", err)
	}
	return modulesFS(text), nil
}

// modulesFS makes files of what modulesScript prints. What it does not know it leaves out.
func modulesFS(text string) printed {
	var modules strings.Builder
	files := make(printed)
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case !ok:
		case name == "proc/modules":
			modules.WriteString(value)
		case strings.HasSuffix(name, "/notes/.note.gnu.build-id"):
			// A machine without od has no build IDs to tell.
			if b, err := hex.DecodeString(strings.Join(strings.Fields(value), "")); err == nil && len(b) > 0 {
				files["sys/module/"+name] = string(b)
			}
		case strings.Contains(name, "/sections/"):
			files["sys/module/"+name] = value
		}
	}
	files["proc/modules"] = modules.String()
	return files
}

// printed has what a script has printed of files, by their paths. They can be listed, and
// read as a whole.
type printed map[string]string

func (p printed) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: errors.ErrUnsupported}
}

func (p printed) ReadFile(name string) ([]byte, error) {
	content, ok := p[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(content), nil
}

func (p printed) ReadDir(name string) ([]fs.DirEntry, error) {
	var names []string
	for path := range p {
		if below, ok := strings.CutPrefix(path, name+"/"); ok && !strings.Contains(below, "/") {
			names = append(names, below)
		}
	}
	if names == nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	slices.Sort(names)
	entries := make([]fs.DirEntry, len(names))
	for i, n := range names {
		entries[i] = printedFile(n)
	}
	return entries, nil
}

// printedFile is the name of a file in its folder.
type printedFile string

func (f printedFile) Name() string               { return string(f) }
func (f printedFile) IsDir() bool                { return false }
func (f printedFile) Type() fs.FileMode          { return 0 }
func (f printedFile) Info() (fs.FileInfo, error) { return nil, errors.ErrUnsupported }
