// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package debugfile finds and opens the files with the code and the debugging
// information of kernels and their modules, wherever distributions and developers put
// them. It opens packed files too, and joins a stripped file with its debug file.
//
// # Where it looks
//
// It looks in folders and files that the user names; in /usr/lib/debug/.build-id, if
// the build ID is known; at the places of the kernel's release, see layout.go; where
// the .gnu_debuglink of a stripped file points; and, if there is a [Debuginfod], on its
// servers. It stops at the first file that is complete and not contradicted by
// anything.
//
// # What it compares
//
// The build ID of a frame, or of the running kernel, decides between files. A stripped
// file and a debug file are joined only if their build IDs are the same, or if one has
// none and the checksum of the debug link fits. Errors name the files that were
// rejected.
package debugfile

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Finder finds the files of one kernel and of its modules. The zero value serves the
// running kernel and looks in the standard places. The exported fields must not change
// once it is in use. All methods are safe for concurrent use.
type Finder struct {
	// Root is the folder above the standard places, "" for the system's.
	Root string

	// Release is the kernel's, as uname -r prints it; "" is the running kernel's.
	Release string

	// Dirs are searched first. They are object files, and folders with object files at any
	// depth. They are not below Root.
	Dirs []string

	// Server is used for files that are not found; nil for none.
	Server *Debuginfod

	mu      sync.Mutex
	folders map[string]*folder
	names   map[string]string // of modules, as files have them, by path; "" if one has none

	unpacked unpackedFiles

	chosen map[string]Build // by the name of the module, see Choosing
}

// Object is an open file.
type Object struct {
	// File has the code and the symbols. It also has the debugging information, if
	// necessary from an attached file. The caller must close it.
	File *kobj.File

	// Lacks says why there is no debugging information and where the Finder looked; it is
	// nil if there is some. It matches [io/fs.ErrNotExist].
	Lacks error

	// Foreign says that a file that the user named is of another module, or was made for a
	// kernel of another release. It is nil if not, or if that is unknown. If Versions is
	// true, the kernel may have loaded it all the same, see [kobj.File.Vermagic].
	Foreign  error
	Versions bool

	// Stale says that the running kernel or module is of another build than the file. It
	// is nil if both are of the same build, or if that is unknown.
	Stale error
}

// Open finds the file of a module; "" is the kernel image. If wanted is not "", a file
// with this build ID is preferred. Another one is better than none; the caller must
// compare. Servers are used only if remote is set, until ctx ends.
//
// The error matches [io/fs.ErrNotExist] if there is no file. It then lists the places
// where Open looked, and names the package that has the file.
func (f *Finder) Open(ctx context.Context, module, wanted string, remote bool) (*Object, error) {
	s := search{ctx: ctx, f: f, module: ModuleName(module), wanted: cleanID(wanted), remote: remote && f.Server != nil}
	defer s.close()
	if s.wanted == "" {
		s.wanted = f.chosen[s.module].ID
	}
	if s.wanted == "" {
		s.running = f.runningID(s.module)
	}
	best := s.local()
	if best == nil {
		best = s.linked()
	}
	if best == nil {
		best = s.served()
	}
	if best == nil {
		best = s.take(s.best())
	}
	switch {
	case best == nil && s.failed != nil:
		return nil, s.failed
	case best == nil:
		return nil, s.missing("file", nil)
	}
	o := &Object{File: best.file}
	if !o.File.HasDebug() {
		o.Lacks = s.missing("debugging information", best)
	}
	if s.running != "" && best.expected == s.running && best.id != "" && best.id != s.running {
		o.Stale = fmt.Errorf("the running kernel or module has the build ID %s, but %s has %s", s.running, o.File.Name, best.id)
	}
	if o.Stale == nil && s.wanted == "" && best.source == len(f.Dirs) && (s.running == "" || best.id == "") {
		o.Stale = f.otherSource(o.File, s.module)
	}
	if best.other {
		o.Foreign = f.foreign(o.File, s.module)
		_, o.Versions = o.File.Vermagic()
		o.Versions = o.Versions && ModuleName(o.File.ModuleName()) == s.module
	}
	return o, nil
}

// foreign returns the reason why a file cannot be that of a module, or nil.
func (f *Finder) foreign(file *kobj.File, module string) error {
	if name := file.ModuleName(); name != "" && ModuleName(name) != module {
		return fmt.Errorf("%s is of module %s (.modinfo): give the right file with -dir", file.Name, name)
	}
	if f.otherRelease(file) {
		release, from := madeFor(file)
		return fmt.Errorf("%s is of %s (%s), the report is of %s: give the file of that build with -dir", file.Name, release, from, f.Release)
	}
	return nil
}

// madeFor returns the release of the kernel that a file is of, or "", and from what that
// is known.
func madeFor(file *kobj.File) (release, from string) {
	if file.Linked() {
		return file.ImageRelease(), "linux_banner"
	}
	release, _ = file.Vermagic()
	return release, "vermagic"
}

// otherRelease reports whether a file was made for a kernel of another release. A
// release without its last parts, such as 6.12, stands for all that begin so. One below
// 2.6 is of no kernel: it is set so that no standard place has files of it.
func (f *Finder) otherRelease(file *kobj.File) bool {
	if f.Release == "" || f.Release[0] < '2' || f.Release[0] > '9' {
		return false
	}
	release, _ := madeFor(file)
	if release == "" {
		return false
	}
	rest, ok := strings.CutPrefix(release, f.Release)
	return !ok || rest != "" && rest[0] != '.'
}

// Modules returns the modules for which Dirs has files, each once.
func (f *Finder) Modules() []string {
	var names []string
	seen := make(map[string]bool)
	for _, dir := range f.Dirs {
		for name := range f.modulesIn(dir) {
			if name != "" && !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// Kernel returns the kernel release to look for, or "" if there is none.
func (f *Finder) Kernel() string {
	if f.Release != "" {
		return f.Release
	}
	return f.runningRelease()
}

// runningRelease returns the release of the running kernel, or "" if this is not Linux.
func (f *Finder) runningRelease() string {
	b, err := os.ReadFile(f.at("/proc/sys/kernel/osrelease"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// runningID returns the build ID of the running kernel or of a loaded module. It
// returns "" if that is unknown or if another kernel is looked for. See
// Documentation/ABI/testing/sysfs-kernel-notes and add_notes_attrs in
// kernel/module/sysfs.c.
func (f *Finder) runningID(module string) string {
	notes := "/sys/kernel/notes"
	if module != "" {
		notes = "/sys/module/" + module + "/notes/.note.gnu.build-id"
	}
	return hex.EncodeToString(kobj.BuildID(f.sysfs(notes, module), binary.NativeEndian))
}

// otherSource returns the reason why a file is not of the loaded module, by the checksum
// of its source (srcversion), or nil. It is for files without a build ID to compare.
func (f *Finder) otherSource(file *kobj.File, module string) error {
	own := file.Modinfo("srcversion")
	if module == "" || own == "" {
		return nil
	}
	running := strings.TrimSpace(string(f.sysfs("/sys/module/"+module+"/srcversion", module)))
	if running == "" || running == own {
		return nil
	}
	return fmt.Errorf("the loaded module has the srcversion %s, but %s has %s", running, file.Name, own)
}

// sysfs returns what the running kernel tells of a module, nil if that is unknown or if
// another kernel is looked for.
func (f *Finder) sysfs(path, module string) []byte {
	if f.Release != "" && f.Release != f.runningRelease() || strings.ContainsAny(module, `/\`) {
		return nil
	}
	b, err := os.ReadFile(f.at(path))
	if err != nil {
		return nil
	}
	return b
}

// at returns a standard place below Root.
func (f *Finder) at(path string) string {
	return filepath.Join(cmp.Or(f.Root, "/"), path)
}

// cleanID returns a build ID in lower case, or "" if it is not a build ID: IDs become
// parts of paths.
func cleanID(id string) string {
	id = strings.ToLower(id)
	if b, err := hex.DecodeString(id); err != nil || len(b) < 2 || len(b) > 64 {
		return ""
	}
	return id
}
