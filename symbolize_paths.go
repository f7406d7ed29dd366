// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"os"
	"path"
	"strings"
	"sync"

	"github.com/kmemleak/kmemleak/internal/dwarf"
)

// sourceCache remembers what was found out about source files.
type sourceCache struct {
	mu    sync.RWMutex
	files map[dwarf.File]sourcePaths

	rootsOnce sync.Once
	roots     []string // source trees that are there
}

type sourcePaths struct{ raw, show string }

// maxSources is how many source files are remembered; a kernel has some 40,000.
const maxSources = 1 << 14

// paths gives the recorded path of a source file and the one to show.
func (c *sourceCache) paths(s *Symbolizer, f dwarf.File) (raw, show string) {
	c.mu.RLock()
	p, ok := c.files[f]
	c.mu.RUnlock()
	if ok {
		return p.raw, p.show
	}
	p.raw = rawPath(f)
	p.show = s.showPath(f, p.raw)
	c.mu.Lock()
	if c.files == nil || len(c.files) >= maxSources {
		c.files = make(map[dwarf.File]sourcePaths)
	}
	c.files[f] = p
	c.mu.Unlock()
	return p.raw, p.show
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

// showPath gives the path to show for a source file: as the user mapped it, else
// where it exists, else as the compiler recorded it, cleaned.
func (s *Symbolizer) showPath(f dwarf.File, raw string) string {
	if raw == "" {
		return ""
	}
	for _, p := range s.Paths {
		if rest, ok := cutFolder(raw, p.Old); ok {
			return clean(joinRaw(p.New, rest))
		}
	}
	inTree := kernelPath(f, raw)
	if path.IsAbs(raw) && exists(raw) {
		return clean(raw)
	}
	for _, root := range s.sources.trees(s) {
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

// trees gives the source trees to look for files in.
func (c *sourceCache) trees(s *Symbolizer) []string {
	c.rootsOnce.Do(func() {
		roots := s.Sources
		if release := s.finder().Kernel(); release != "" {
			roots = append(roots[:len(roots):len(roots)],
				"/lib/modules/"+release+"/source",
				"/lib/modules/"+release+"/build",
				"/usr/src/linux-"+release)
		}
		for _, root := range roots {
			if info, err := os.Stat(root); err == nil && info.IsDir() {
				c.roots = append(c.roots, root)
			}
		}
	})
	return c.roots
}

// clean shortens a path of a file that exists, unless that gives another file.
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

// kernelPath gives the path of a file from the root of a kernel's source tree, ""
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
