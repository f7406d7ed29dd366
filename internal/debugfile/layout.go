// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Where distributions put debugging information:
//
//	Debian    /usr/lib/debug/boot/vmlinux-REL, with links vmlinux-REL and lib/modules/REL/vmlinux; whole modules
//	          in /usr/lib/debug/lib/modules/REL/kernel/…/x.ko (files of linux-image-6.1.0-56-amd64-dbg)
//	Ubuntu    the same, in linux-image-…-dbgsym, and a .gnu_debuglink in installed modules (debian/rules.d/2-binary-arch.mk
//	          of Ubuntu's kernels)
//	Fedora    /usr/lib/debug/lib/modules/REL/vmlinux and …/kernel/…/x.ko.debug, which have no code; links to both in
//	          /usr/lib/debug/.build-id (files of kernel-debuginfo); derived systems with x.ko-VERSION.debug, or with
//	          /usr/lib/debug/usr/lib/modules/REL
//	SUSE      /usr/lib/debug/boot/vmlinux-REL.debug, later /usr/lib/debug/usr/lib/modules/REL/vmlinux.debug; modules beside
//	          them as in Fedora; the stripped image, packed, in /boot or /lib/modules/REL
//	Arch      nothing; kernels that its users build, and `make pacman-pkg`, have /lib/modules/REL/build/vmlinux
//
// The list of the crash utility (symbols of its kernels, filesys.c) has the same
// places. Modules themselves are in /lib/modules/REL, in kernel, updates (updates/dkms
// is DKMS's on Debian), extra (Fedora's) or weak-updates (links to those of another
// release), and modules.dep there says in which.
const debugRoot = "/usr/lib/debug"

// images are the paths of the kernel image of a release; REL stands for the release.
var images = []string{
	debugRoot + "/boot/vmlinux-REL",
	debugRoot + "/lib/modules/REL/vmlinux",
	debugRoot + "/usr/lib/modules/REL/vmlinux",
	debugRoot + "/vmlinux-REL",
	"/lib/modules/REL/vmlinux",
	"/lib/modules/REL/build/vmlinux",
	"/boot/vmlinux-REL",
}

// variants are the suffixes that the name of a file may have, at every place.
var variants = []string{"", ".debug", ".gz", ".xz", ".zst"}

// candidate is a path that may be that of a file, and the number of its source: an
// index of Dirs, or a number behind them for the standard places.
type candidate struct {
	path   string
	source int
}

// candidates returns the possible files, in the order of preference, and records where
// it looked.
func (f *Finder) candidates(s *search) iter.Seq[candidate] {
	return func(yield func(candidate) bool) {
		if strings.ContainsAny(s.module, "/\\\x00") {
			return // no module has such a name
		}
		for i, dir := range f.Dirs {
			s.look(dir)
			for path := range f.inDir(dir, s.module, s.wanted) {
				if !yield(candidate{path, i}) {
					return
				}
			}
		}
		for path := range f.standard(s) {
			if !yield(candidate{path, len(f.Dirs)}) {
				return
			}
		}
	}
}

// standard returns the candidates in the standard places.
func (f *Finder) standard(s *search) iter.Seq[string] {
	return func(yield func(string) bool) {
		id := s.wanted
		if id == "" {
			id = s.running
		}
		if path := f.byID(id, ".debug"); path != "" {
			s.look(path)
			if exists(path) && !yield(path) {
				return
			}
		}
		release := f.Kernel()
		if release == "" || strings.ContainsAny(release, "/\\\x00") {
			return
		}
		if s.module != "" {
			f.modules(s, release)(yield)
			return
		}
		for _, image := range images {
			image = f.at(strings.ReplaceAll(image, "REL", release))
			s.look(image)
			for _, variant := range variants {
				if exists(image+variant) && !yield(image+variant) {
					return
				}
			}
		}
	}
}

// modules returns the candidates for a module in the standard places.
func (f *Finder) modules(s *search, release string) iter.Seq[string] {
	return func(yield func(string) bool) {
		installed := f.at("/lib/modules/" + release)
		debug := []string{f.at(debugRoot + "/lib/modules/" + release), f.at(debugRoot + "/usr/lib/modules/" + release)}
		// The debug file comes first: often it has everything that the other has.
		for _, dir := range append(debug, installed) {
			s.look(dir)
		}
		// Old versions of depmod wrote whole paths.
		path := strings.TrimPrefix(f.listed(installed)[s.module], "/lib/modules/"+release+"/")
		if path != "" && filepath.IsLocal(path) && exists(filepath.Join(installed, path)) {
			inside := filepath.Dir(path)
			folders := []string{filepath.Join(debug[0], inside), filepath.Join(debug[1], inside), filepath.Join(installed, inside)}
			// In a build tree they are laid out as in the folder kernel. It is searched last,
			// because it may have been rebuilt.
			if inTree, ok := strings.CutPrefix(filepath.ToSlash(inside)+"/", "kernel/"); ok {
				build := filepath.Join(installed, "build")
				s.look(build)
				folders = append(folders, filepath.Join(build, inTree))
			}
			for _, folder := range folders {
				for _, path := range filesIn(folder, s.module) {
					if !yield(path) {
						return
					}
				}
			}
			return
		}
		for _, dir := range append(debug, installed) {
			for _, path := range f.below(dir)[s.module] {
				if !yield(path) {
					return
				}
			}
		}
	}
}

// byID returns the path of a file in the folder of links by build ID, or "" if the ID
// is unknown. See "Separate Debug Files" in gdb's manual.
func (f *Finder) byID(id, suffix string) string {
	if id == "" {
		return ""
	}
	return f.at(filepath.Join(debugRoot, ".build-id", id[:2], id[2:]+suffix))
}

// codePlaces returns where the file with the code of a build ID may be. RPM makes a
// link beside that of the debug file, or in /usr/lib (%_build_id_links in its macros).
func (f *Finder) codePlaces(id string) iter.Seq[string] {
	if id == "" {
		return slices.Values([]string(nil))
	}
	return slices.Values([]string{f.byID(id, ""), f.at(filepath.Join("/usr/lib/.build-id", id[:2], id[2:]))})
}

// debugPlaces returns where the debug file of a stripped file may be: at the place of
// its build ID, and at those of its debug link, as in gdb's manual. Without a link, the
// debug file has the file's name with .debug, as in elfutils (find_debuginfo_in_path in
// libdwfl/find-debuginfo.c), or the same name.
func (f *Finder) debugPlaces(code *kobj.File) iter.Seq[string] {
	return func(yield func(string) bool) {
		if path := f.byID(code.BuildID(), ".debug"); path != "" && !yield(path) {
			return
		}
		path := realPath(code.Name)
		dir, base := filepath.Split(path)
		base = stripPacked(base)
		names := []string{base + ".debug", base}
		if name, _, ok := debugLink(code); ok && name != names[0] {
			names = append([]string{name}, names...)
		}
		inside := dir
		if f.Root != "" {
			rel, err := filepath.Rel(realPath(f.Root), dir)
			if err != nil || !filepath.IsLocal(rel) {
				rel = "." // not below Root
			}
			inside = rel
		}
		for _, name := range names {
			for _, at := range []string{filepath.Join(dir, name), filepath.Join(dir, ".debug", name), f.at(filepath.Join(debugRoot, inside, name))} {
				if at != code.Name && at != path && !yield(at) {
					return
				}
			}
		}
	}
}

// realPath resolves symbolic links, so that paths relative to a file start where the
// file really is.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
