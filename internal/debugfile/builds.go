// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"path/filepath"
	"slices"
)

// Build is a build of a module.
type Build struct {
	Path    string // of a file with its code
	ID      string // build ID, "" if it has none
	Bits    int    // size of an address
	Foreign bool   // it was made for a kernel of another release
}

// maxBuilds is how many builds of a module are told apart.
const maxBuilds = 16

// Builds returns the builds of a module in Dirs, in the order in which they are looked
// for. In folders of installed kernels, which have a list of their modules, each has one.
func (f *Finder) Builds(module string) []Build {
	module = ModuleName(module)
	var builds []Build
	for _, dir := range f.Dirs {
		if f.listed(dir) != nil {
			continue
		}
		for path := range f.inDir(dir, module, "") {
			if len(builds) == maxBuilds {
				return builds
			}
			file, err := f.open(path)
			if err != nil {
				continue
			}
			b := Build{filepath.Clean(path), file.BuildID(), 8 * file.AddrSize(), f.otherRelease(file)}
			name := file.ModuleName()
			fits := file.HasCode() && file.HasSymbols() && (name == "" || ModuleName(name) == module)
			_ = file.Close()
			same := func(x Build) bool { return x.Path == b.Path || b.ID != "" && x.ID == b.ID }
			if fits && !slices.ContainsFunc(builds, same) {
				builds = append(builds, b)
			}
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
