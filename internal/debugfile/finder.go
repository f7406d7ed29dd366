// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package debugfile finds the files with the code and the debugging information of
// kernels and their modules, wherever distributions and developers put them, and
// opens them: packed ones too, and a stripped file together with its debug file.
//
// # Where it looks
//
// In folders and files that the user names; in /usr/lib/debug/.build-id, if the
// build ID is known; at the places of the kernel's release, see layout.go; where
// the .gnu_debuglink of a stripped file says; and, if there is a [Debuginfod], on
// its servers. It stops at the first file that has everything and that nothing
// speaks against.
//
// # What it compares
//
// The build ID that a frame comes with, or that the running kernel tells, decides
// between files. A stripped file and a debug file are put together only if their
// build IDs are the same, or one has none and the checksum of the debug link fits.
// What was turned down is named in errors.
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

// Finder finds the files of one kernel and of its modules. The zero value serves
// the running kernel and looks in the standard places. The exported fields must not
// change once it is in use. All methods are safe for concurrent use.
type Finder struct {
	// Root is the folder that the standard places are below, "" for the system's.
	Root string

	// Release is the kernel's, as uname -r prints it; "" is the running kernel's.
	Release string

	// Dirs are searched first: object files, and folders that hold such, at any
	// depth. They are not below Root.
	Dirs []string

	// Server is asked for what is not found, nil for none.
	Server *Debuginfod

	mu      sync.Mutex
	folders map[string]*folder

	unpacked unpackedFiles
}

// Object is an open file.
type Object struct {
	// File has the code and the symbols, and the debugging information too, if need
	// be of an attached file. The caller closes it.
	File *kobj.File

	// Lacks says why there is no debugging information and where it was looked for;
	// nil if there is some. It matches [io/fs.ErrNotExist].
	Lacks error

	// Stale says that what runs is of another build than the file; nil if it is of
	// the same one, or if that is not known.
	Stale error
}

// Open finds the file of a module, "" being the kernel image. If wanted is not "", a
// file with this build ID is preferred; another one is better than none, and it is
// for the caller to compare. Servers are asked only if remote is set, until ctx ends.
//
// The error matches [io/fs.ErrNotExist] if there is no file. Then it lists where one
// was looked for, and tells which package has it.
func (f *Finder) Open(ctx context.Context, module, wanted string, remote bool) (*Object, error) {
	s := search{ctx: ctx, f: f, module: ModuleName(module), wanted: cleanID(wanted), remote: remote && f.Server != nil}
	defer s.close()
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
		o.Stale = fmt.Errorf("what runs has the build ID %s, but %s has %s", s.running, o.File.Name, best.id)
	}
	return o, nil
}

// Modules lists the modules that Dirs has files of, each once.
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

// Kernel gives the kernel release to look for, "" if there is none.
func (f *Finder) Kernel() string {
	if f.Release != "" {
		return f.Release
	}
	return f.runningRelease()
}

// runningRelease gives the release of the kernel that runs, "" if this is not Linux.
func (f *Finder) runningRelease() string {
	b, err := os.ReadFile(f.at("/proc/sys/kernel/osrelease"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// runningID gives the build ID of the kernel that runs, or of a module that is
// loaded, "" if it is not known or another kernel is looked for. See
// Documentation/ABI/testing/sysfs-kernel-notes and add_notes_attrs in
// kernel/module/sysfs.c.
func (f *Finder) runningID(module string) string {
	if f.Release != "" && f.Release != f.runningRelease() {
		return ""
	}
	notes := "/sys/kernel/notes"
	if module != "" {
		notes = "/sys/module/" + module + "/notes/.note.gnu.build-id"
	}
	b, err := os.ReadFile(f.at(notes))
	if err != nil || strings.ContainsAny(module, `/\`) {
		return ""
	}
	return hex.EncodeToString(kobj.BuildID(b, binary.NativeEndian))
}

// at gives a standard place below Root.
func (f *Finder) at(path string) string {
	return filepath.Join(cmp.Or(f.Root, "/"), path)
}

// cleanID gives a build ID in lower case, or "" if it is not one: IDs become parts
// of paths.
func cleanID(id string) string {
	id = strings.ToLower(id)
	if b, err := hex.DecodeString(id); err != nil || len(b) < 2 || len(b) > 64 {
		return ""
	}
	return id
}
