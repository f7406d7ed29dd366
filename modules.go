// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"

	"github.com/kmemleak/kmemleak/internal/resolve"
)

// Module is where a module is, or was, in memory. A list of modules, stored as JSON
// beside a report, resolves the bare addresses of the report later; see [Snapshot].
//
// Its JSON form is an object with "name", "sections" and "build_id". Addresses of
// sections are strings such as "0xffffffffc01b7000", because many programs round
// numbers of that size. Numbers are accepted as well.
type Module struct {
	Name     string            // as the kernel prints it; "" for the kernel image
	Sections map[string]uint64 // address of each section by its name, such as ".init.text"
	BuildID  string            // in hex, "" if not known
}

// moduleJSON is the form of a Module in JSON.
type moduleJSON struct {
	Name     string             `json:"name"`
	Sections map[string]address `json:"sections"`
	BuildID  string             `json:"build_id,omitempty"`
}

// address is an address in JSON.
type address uint64

func (a address) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%#x", uint64(a)), nil }

// UnmarshalJSON reads a string in hex, or a number.
func (a *address) UnmarshalJSON(b []byte) error {
	base, text := 10, string(b)
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		base, text = 16, strings.TrimPrefix(text, "0x")
	}
	n, err := strconv.ParseUint(text, base, 64)
	if err != nil {
		return fmt.Errorf("address %s: %w", b, errors.Unwrap(err))
	}
	*a = address(n)
	return nil
}

// MarshalJSON returns the form described at [Module].
func (m Module) MarshalJSON() ([]byte, error) {
	x := moduleJSON{Name: m.Name, BuildID: m.BuildID}
	if m.Sections != nil {
		x.Sections = make(map[string]address, len(m.Sections))
		for name, addr := range m.Sections {
			x.Sections[name] = address(addr)
		}
	}
	return json.Marshal(x)
}

// UnmarshalJSON reads the form described at [Module].
func (m *Module) UnmarshalJSON(b []byte) error {
	var x moduleJSON
	if err := json.Unmarshal(b, &x); err != nil {
		return fmt.Errorf("module: %w", err)
	}
	*m = Module{Name: x.Name, BuildID: x.BuildID}
	if x.Sections != nil {
		m.Sections = make(map[string]uint64, len(x.Sections))
		for name, addr := range x.Sections {
			m.Sections[name] = uint64(addr)
		}
	}
	return nil
}

// loadedModules reads proc/modules and sys/module.
//
// A section keeps its entry when its memory is freed: .init.text shows where the
// module's init function was.
func loadedModules(root fs.FS) ([]Module, error) {
	list, err := fs.ReadFile(root, "proc/modules")
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := fs.Stat(root, "proc/version"); err == nil {
			return nil, nil // CONFIG_MODULES is not set: the rest of /proc is there
		}
		return nil, fmt.Errorf("where modules are: %w (mount -t proc proc /proc)", slashed(err))
	}
	if err != nil {
		return nil, fmt.Errorf("where modules are: %w", slashed(err))
	}
	var modules []Module
	hidden := false
	for line := range strings.Lines(string(list)) {
		name, _, _ := strings.Cut(line, " ")
		dir := "sys/module/" + name
		entries, err := fs.ReadDir(root, dir+"/sections")
		if errors.Is(err, fs.ErrNotExist) {
			continue // unloaded since, or the kernel has no such files
		}
		if err != nil {
			return modules, slashed(err)
		}
		m := Module{Name: name, Sections: make(map[string]uint64, len(entries))}
		for _, e := range entries {
			b, err := fs.ReadFile(root, dir+"/sections/"+e.Name())
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return modules, slashed(err)
			}
			text := strings.TrimSpace(string(b))
			addr, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
			if err != nil {
				return modules, fmt.Errorf("/%s/sections/%s: %w", dir, e.Name(), err)
			}
			if addr == 0 {
				// Per-CPU data is listed at its place in the section, 0 included.
				hidden = hidden || e.Name() == ".text" || e.Name() == ".init.text"
				continue
			}
			m.Sections[e.Name()] = addr
		}
		if b, err := fs.ReadFile(root, dir+"/notes/.note.gnu.build-id"); err == nil {
			m.BuildID = resolve.BuildID(b)
		}
		modules = append(modules, m)
	}
	if hidden {
		return modules, resolve.ErrHidden
	}
	return modules, nil
}

// slashed returns an error of a file below the root with the slash that paths of an
// [fs.FS] lack.
func slashed(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return &fs.PathError{Op: p.Op, Path: path.Join("/", p.Path), Err: p.Err}
	}
	return err
}

// Snapshot is where all modules of a kernel were in memory at one time. A snapshot
// that is taken while they are loaded resolves reports that are read after they are
// gone. Use its fields for those of the same names of a [Symbolizer]. See
// [Detector.Snapshot].
//
// Its JSON form is an object with "version", "release" and "modules", of about 1 KB
// for each module.
type Snapshot struct {
	// Version is the version of the JSON form, now 1. MarshalJSON always writes the
	// current version; for UnmarshalJSON a newer one is an error.
	Version int

	Release string   // kernel release, as uname -r prints it
	Modules []Module // those that are loaded
}

// snapshotVersion is the version that is written, and the newest that is read.
const snapshotVersion = 1

type snapshotJSON struct {
	Version int      `json:"version"`
	Release string   `json:"release"`
	Modules []Module `json:"modules"`
}

// MarshalJSON returns the form described at [Snapshot].
func (s Snapshot) MarshalJSON() ([]byte, error) {
	return json.Marshal(snapshotJSON{snapshotVersion, s.Release, append([]Module{}, s.Modules...)}) // no modules are [], not null
}

// UnmarshalJSON reads what MarshalJSON returns, or a list of modules alone.
func (s *Snapshot) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		*s = Snapshot{Version: snapshotVersion}
		return json.Unmarshal(b, &s.Modules)
	}
	var head struct {
		Version json.Number `json:"version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return fmt.Errorf("snapshot of modules: %w", err)
	}
	version, err := head.Version.Int64()
	switch {
	case err != nil || version < 1 || version > math.MaxInt32:
		return fmt.Errorf("no snapshot of modules: version %q", head.Version)
	case version > snapshotVersion:
		return fmt.Errorf("snapshot of modules of version %d: this program knows up to %d", version, snapshotVersion)
	}
	var x snapshotJSON
	if err := json.Unmarshal(b, &x); err != nil {
		return fmt.Errorf("snapshot of modules: %w", err)
	}
	*s = Snapshot(x)
	return nil
}
