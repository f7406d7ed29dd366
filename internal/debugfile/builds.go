// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"path/filepath"
	"slices"
	"strings"
)

// Build is a build of a module, or of the kernel image.
type Build struct {
	Path    string // of a file with its code
	ID      string // build ID, "" if it has none
	Bits    int    // size of an address
	Foreign bool   // it was made for a kernel of another release

	sections string // names of those that are loaded, each with a line end before and after it
}

// Loads reports whether a module of this build has a section of that name in memory. The
// kernel adds two of its own.
func (b Build) Loads(section string) bool {
	return section == ".symtab" || section == ".strtab" || strings.Contains(b.sections, "\n"+section+"\n")
}

// maxBuilds is how many builds are told apart.
const maxBuilds = 16

// Builds returns the builds of a module in Dirs, "" being the kernel image, in the order
// in which they are looked for. In folders of installed kernels, which have a list of
// their modules, each has one. There are none if only one file may be of the image.
func (f *Finder) Builds(module string) []Build {
	module = ModuleName(module)
	var paths []string
	for _, dir := range f.Dirs {
		if f.listed(dir) != nil {
			continue
		}
		for path := range f.inDir(dir, module, "") {
			if path = filepath.Clean(path); !slices.Contains(paths, path) && len(paths) < maxNamed {
				paths = append(paths, path)
			}
		}
	}
	if module == "" && len(paths) < 2 {
		return nil // it may be packed, and large
	}
	var builds []Build
	for _, path := range paths {
		if len(builds) == maxBuilds {
			break
		}
		file, err := f.open(path)
		if err != nil {
			continue
		}
		b := Build{path, file.BuildID(), 8 * file.AddrSize(), f.otherRelease(file), file.Loaded()}
		name := file.ModuleName()
		fits := file.HasCode() && file.HasSymbols() && (name == "" || ModuleName(name) == module) && (module != "" || file.Linked())
		_ = file.Close()
		if fits && !slices.ContainsFunc(builds, func(x Build) bool { return b.ID != "" && x.ID == b.ID }) {
			builds = append(builds, b)
		}
	}
	return builds
}

// Choosing returns a Finder like f that has one build of a module only.
func (f *Finder) Choosing(module string, b Build) *Finder {
	chosen := map[string]Build{ModuleName(module): b}
	for name, b := range f.chosen {
		chosen[name] = b
	}
	return &Finder{Root: f.Root, Release: f.Release, Dirs: f.Dirs, Server: f.Server, chosen: chosen}
}

// passed reports whether a file is passed over because it is of another build than the
// chosen one, which has no ID.
func (s *search) passed(path string) bool {
	b, ok := s.f.chosen[s.module]
	return ok && b.ID == "" && filepath.Clean(path) != b.Path
}
