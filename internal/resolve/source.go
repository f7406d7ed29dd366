// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"os"
	"path"
	"strings"
	"sync"

	"github.com/kmemleak/kmemleak/internal/dwarf"
)

// sources finds the paths of source files.
type sources struct {
	release  func() string // of the kernel, "" if that is not known
	trees    []string
	prefixes []PathPrefix

	known cache[dwarf.File, sourcePaths]

	rootsOnce sync.Once
	roots     []string // source trees that are there
}

type sourcePaths struct{ raw, show string }

// paths returns the recorded path of a source file and the one to show.
func (s *sources) paths(f dwarf.File) (raw, show string) {
	p, ok := s.known.get(f)
	if !ok {
		p.raw = rawPath(f)
		p.show = s.show(f, p.raw)
		s.known.put(f, p)
	}
	return p.raw, p.show
}

// pos returns the position of a frame of the debugging information.
func (s *sources) pos(l dwarf.Frame) Pos {
	p := Pos{Func: Demangled(l.LinkageName), Line: l.Line, Column: l.Column, Inlined: l.Inlined, Returns: l.Returns}
	if p.Func == "" || p.Func == l.LinkageName {
		p.Func = l.Name
	}
	p.RawFile, p.File = s.paths(l.File)
	return p
}

// rawPath joins the pieces of a path as they are.
func rawPath(f dwarf.File) string {
	return joinRaw(f.CompDir, joinRaw(f.Dir, f.Name))
}

// joinRaw joins a path to a folder, unless it is absolute, and cleans nothing:
// "a/../b" is not "b" if a is a link.
func joinRaw(dir, name string) string {
	switch {
	case name == "":
		return ""
	case dir == "" || strings.HasPrefix(name, "/"):
		return name
	case strings.HasSuffix(dir, "/"):
		return dir + name
	}
	return dir + "/" + name
}

// show returns the path to show for a source file: mapped by the user, or where it
// exists, or as the compiler recorded it, cleaned.
func (s *sources) show(f dwarf.File, raw string) string {
	if raw == "" {
		return ""
	}
	for _, p := range s.prefixes {
		if rest, ok := cutFolder(raw, p.Old); ok {
			return clean(joinRaw(p.New, rest))
		}
	}
	inTree := kernelPath(f, raw)
	if path.IsAbs(raw) && exists(raw) {
		return clean(raw)
	}
	for _, root := range s.existing() {
		if inTree != "" {
			if p := joinRaw(root, inTree); exists(p) {
				return clean(p)
			}
		}
	}
	if !path.IsAbs(raw) && inTree != "" {
		return inTree
	}
	return path.Clean(raw)
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// existing returns the source trees to look for files in.
func (s *sources) existing() []string {
	s.rootsOnce.Do(func() {
		roots := s.trees
		if release := s.release(); release != "" {
			roots = append(roots[:len(roots):len(roots)],
				"/lib/modules/"+release+"/source",
				"/lib/modules/"+release+"/build",
				"/usr/src/linux-"+release)
		}
		for _, root := range roots {
			if info, err := os.Stat(root); err == nil && info.IsDir() {
				s.roots = append(s.roots, root)
			}
		}
	})
	return s.roots
}

// clean shortens the path of a file that exists, unless it is then that of another file.
func clean(p string) string {
	short := path.Clean(p)
	if short == p {
		return p
	}
	a, err := os.Stat(p)
	if err != nil {
		return short
	}
	if b, err := os.Stat(short); err != nil || !os.SameFile(a, b) {
		return p
	}
	return short
}

// cutFolder cuts a folder off the beginning of a path.
func cutFolder(p, folder string) (rest string, ok bool) {
	if folder == "" {
		return "", false
	}
	rest, ok = strings.CutPrefix(p, strings.TrimSuffix(folder, "/"))
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return strings.TrimLeft(rest, "/"), true
}

// kernelPath returns the path of a file from the root of a kernel's source tree, ""
// if it is not in one.
//
// Reproducible builds map the compilation's folder to a relative name, and then
// other folders are relative to the root of the source, not to it.
func kernelPath(f dwarf.File, raw string) string {
	p := raw
	if f.CompDir != "" && !path.IsAbs(f.CompDir) {
		p = joinRaw(f.Dir, f.Name)
		if path.IsAbs(p) {
			return ""
		}
		if rest, ok := cutFolder(p, f.CompDir); ok {
			p = rest
		}
		return path.Clean(p)
	}
	p = path.Clean(p)
	// The longest end of the path that begins with one of the tree's folders.
	for at := p; at != ""; {
		var head string
		head, at, _ = strings.Cut(at, "/")
		if at != "" && topFolders[head] {
			return head + "/" + at
		}
	}
	return ""
}

// topFolders are the folders of source in the root of a kernel tree.
var topFolders = map[string]bool{
	"arch": true, "block": true, "certs": true, "crypto": true, "drivers": true, "fs": true,
	"include": true, "init": true, "io_uring": true, "ipc": true, "kernel": true, "lib": true,
	"mm": true, "net": true, "rust": true, "samples": true, "security": true, "sound": true,
	"tools": true, "virt": true,
}
