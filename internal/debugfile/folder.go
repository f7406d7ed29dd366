// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"bytes"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// folder is what is known about a folder. Modules are by name; "" is the kernel image.
type folder struct {
	walk  sync.Once
	files map[string][]string // object files at any depth

	read   sync.Once
	listed map[string]string // paths in the folder, from its list
}

// maxFiles is how many object files of a folder are remembered; a distribution has some
// 4,000 modules.
const maxFiles = 1 << 17

// ModuleName returns a module's name as the kernel prints it.
func ModuleName(s string) string { return strings.ReplaceAll(s, "-", "_") }

// objectName returns the module name for the name of an object file; it is "" for a
// kernel image. It is not ok if the file is neither.
func objectName(base string) (name string, ok bool) {
	base, debug := strings.CutSuffix(stripPacked(base), ".debug")
	if stem, ok := strings.CutSuffix(base, ".ko"); ok {
		return ModuleName(stem), true
	}
	// RPM may append a package's version (%_unique_debug_names in its macros).
	if stem, _, ok := strings.Cut(base, ".ko-"); ok && debug {
		return ModuleName(stem), true
	}
	return "", base == "vmlinux" || strings.HasPrefix(base, "vmlinux-")
}

// stripPacked cuts off the suffix of a packed file's name.
func stripPacked(base string) string {
	for _, suffix := range [...]string{".gz", ".xz", ".zst"} {
		if stem, ok := strings.CutSuffix(base, suffix); ok {
			return stem
		}
	}
	return base
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// inDir returns the files of a module in a folder that the user named, or dir itself if
// it is one of these files. The build ID may be "".
func (f *Finder) inDir(dir, module, id string) iter.Seq[string] {
	return func(yield func(string) bool) {
		info, err := os.Stat(dir)
		if err != nil {
			return
		}
		if !info.IsDir() {
			// The user named it: if it is no module, it is a kernel image with another name.
			if name, _ := f.nameOf(dir); name == module {
				yield(dir)
			}
			return
		}
		// Looking in the usual places first often saves a walk.
		var usual []string
		if id != "" {
			usual = append(usual, filepath.Join(".build-id", id[:2], id[2:]+".debug"))
		}
		names := []string{module + ".ko", strings.ReplaceAll(module, "_", "-") + ".ko"}
		if module == "" {
			names = []string{"vmlinux", "vmlinux-" + f.Kernel()}
		}
		for _, name := range slices.Compact(names) {
			for _, variant := range variants {
				usual = append(usual, name+variant)
			}
		}
		if path := f.listed(dir)[module]; path != "" {
			usual = append(usual, path, strings.TrimPrefix(path, "kernel/"))
		}
		given := make(map[string]bool)
		for _, name := range usual {
			path := filepath.Join(dir, name)
			if filepath.IsAbs(name) {
				path = name
			}
			given[path] = true
			if exists(path) && !yield(path) {
				return
			}
		}
		below := f.below(dir) // no file that is called a module is an image
		if module != "" {
			below = f.named(dir)
		}
		for _, path := range below[module] {
			if !given[path] && !yield(path) {
				return
			}
		}
		if module == "" {
			return
		}
		// People add the kernel's release to the name.
		n := 0
		for _, name := range slices.Sorted(maps.Keys(below)) {
			if !strings.HasPrefix(name, module+"_") && !strings.HasSuffix(name, "_"+module) {
				continue
			}
			for _, path := range below[name] {
				if n++; n > maxNamed {
					return
				}
				if real, _ := f.nameOf(path); real == module && !yield(path) {
					return
				}
			}
		}
		// Better one of another module, which is told, than none.
		for _, path := range f.below(dir)[module] {
			if !yield(path) {
				return
			}
		}
	}
}

// maxNamed is how many files of a folder are opened to see what modules they are.
const maxNamed = 64

// nameOf returns the name of the module that a file is of, as the file has it or else as
// it is called; it is "" for a kernel image. It is not ok if the file is called neither.
func (f *Finder) nameOf(path string) (name string, ok bool) {
	name, ok = objectName(filepath.Base(path))
	if ok && name == "" {
		return "", true // it may be large
	}
	f.mu.Lock()
	known, found := f.names[path]
	f.mu.Unlock()
	if !found {
		if file, err := f.open(path); err == nil {
			known = ModuleName(file.ModuleName())
			_ = file.Close()
		}
		f.mu.Lock()
		if f.names == nil {
			f.names = make(map[string]string)
		}
		f.names[path] = known
		f.mu.Unlock()
	}
	if known != "" {
		return known, true
	}
	return name, ok
}

// filesIn returns the files of a module in this folder, not in subfolders.
func filesIn(dir, module string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		if name, ok := objectName(e.Name()); ok && name == module {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

// modulesIn returns the modules that have files in a folder, or whose file dir itself
// is.
func (f *Finder) modulesIn(dir string) iter.Seq[string] {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return func(yield func(string) bool) {
			if name, ok := f.nameOf(dir); ok {
				yield(name)
			}
		}
	}
	return maps.Keys(f.named(dir))
}

// folder returns what is remembered about a folder.
func (f *Finder) folder(dir string) *folder {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.folders[dir]
	if d == nil {
		d = new(folder)
		if f.folders == nil {
			f.folders = make(map[string]*folder)
		}
		f.folders[dir] = d
	}
	return d
}

// below returns the object files in a folder and its subfolders. Symbolic links are
// followed to files, and to dir itself, but not to folders in it.
func (f *Finder) below(dir string) map[string][]string {
	d := f.folder(dir)
	d.walk.Do(func() {
		d.files = make(map[string][]string)
		n := 0
		// What cannot be read is skipped: another place may do. The separator at the end
		// makes WalkDir follow dir if it is a link.
		_ = filepath.WalkDir(dir+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return nil
			}
			if name, ok := objectName(entry.Name()); ok {
				d.files[name] = append(d.files[name], filepath.Clean(path))
				if n++; n == maxFiles {
					return fs.SkipAll
				}
			}
			return nil
		})
	})
	return d.files
}

// named returns the object files in a folder that the user named, as below does, but by
// the names that the files have if there are not many.
func (f *Finder) named(dir string) map[string][]string {
	below := f.below(dir)
	n := 0
	for _, paths := range below {
		n += len(paths)
	}
	if n > maxNamed {
		return below
	}
	named := make(map[string][]string)
	for _, called := range slices.Sorted(maps.Keys(below)) {
		for _, path := range below[called] {
			name, _ := f.nameOf(path)
			named[name] = append(named[name], path)
		}
	}
	return named
}

// maxList is how much of a folder's list is read, in bytes; that of a distribution has
// 600 KB.
const maxList = 16 << 20

// listed returns where the modules of a folder are, from the list in it: that of an
// installed kernel (modules.dep, by depmod) or of a build tree (modules.order). It
// saves a walk through thousands of files. The paths are usually in the folder.
func (f *Finder) listed(dir string) map[string]string {
	d := f.folder(dir)
	d.read.Do(func() {
		for _, name := range [...]string{"modules.dep", "modules.order"} {
			file, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				continue
			}
			// The part before an error is still useful.
			b, _ := io.ReadAll(io.LimitReader(file, maxList))
			_ = file.Close()
			d.listed = parseList(b)
			return
		}
	})
	return d.listed
}

// parseList reads modules.dep, whose lines are a path, a colon and further paths
// (modules.dep(5)), or modules.order. The lines of the latter are paths of .ko files,
// and since Linux 6.2 of the .o files that these are made from
// (scripts/Makefile.build). Names are as the kernel prints them.
func parseList(b []byte) map[string]string {
	list := make(map[string]string)
	for line := range bytes.Lines(b) {
		field, _, _ := bytes.Cut(line, []byte{':'})
		path := string(bytes.TrimSpace(field))
		if stem, ok := strings.CutSuffix(path, ".o"); ok {
			path = stem + ".ko"
		}
		if name, ok := objectName(filepath.Base(path)); ok && name != "" && list[name] == "" && len(list) < maxFiles {
			list[name] = filepath.FromSlash(path)
		}
	}
	return list
}
