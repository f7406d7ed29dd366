// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// maxObjects is how many files stay open.
const maxObjects = 16

// object is an open file, shared by those who use it.
type object struct {
	once sync.Once
	err  error

	path    string // of the file with the code
	file    *kobj.File
	debug   *dwarf.Data
	buildID string
	lacks   error        // why there is no debugging information; nil if there is some
	stale   error        // what runs is of another build; nil if not, or if that is not known
	lookups atomic.Int32 // since pages were given back

	// Of the Symbolizer, under its lock.
	users   int
	used    uint64 // when last, by the Symbolizer's clock
	dropped bool   // no longer in its map: the last user closes
}

// objectKey is what a file is opened for.
type objectKey struct {
	module  string // with '_'; "" is the kernel image
	buildID string // that it should have, in lower case; "" if that is not known
	load    bool   // from a server, if need be
}

// acquire gives the file for a module, "" being the kernel image. If wanted is not
// "", a file with this build ID is preferred. The caller releases it.
func (s *Symbolizer) acquire(module, wanted string) (*object, error) {
	key := objectKey{module: moduleName(module), buildID: strings.ToLower(wanted)}
	server := s.finder().Server != nil
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, fmt.Errorf("symbolizer: %w", fs.ErrClosed)
	}
	key.load = server && s.loadable[key.module]
	o := s.objects[key]
	var old *object
	if o == nil {
		old = s.evict()
		o = new(object)
		if s.objects == nil {
			s.objects = make(map[objectKey]*object)
		}
		s.objects[key] = o
	}
	s.clock++
	o.used = s.clock
	o.users++
	s.mu.Unlock()
	if old != nil {
		_ = old.close()
	}
	o.once.Do(func() {
		o.err = errors.New("file was truncated while it was opened") // if this does not return
		o.err = s.open(o, key)
	})
	if o.err != nil {
		s.mu.Lock()
		if s.objects[key] == o {
			// It may be there the next time.
			delete(s.objects, key)
		}
		s.mu.Unlock()
		return nil, o.err
	}
	return o, nil
}

// evict takes the file that was not used for the longest time out of the map, if
// there are too many. It gives the file if it is the caller's to close.
func (s *Symbolizer) evict() *object {
	if len(s.objects) < maxObjects {
		return nil
	}
	var oldest objectKey
	for key, o := range s.objects {
		if p := s.objects[oldest]; p == nil || o.used < p.used {
			oldest = key
		}
	}
	o := s.objects[oldest]
	delete(s.objects, oldest)
	o.dropped = true
	if o.users > 0 {
		return nil
	}
	return o
}

// Pages of files are given back when they take up more than maxMapped bytes, which is
// looked at after every few lookups.
const (
	maxMapped  = 16 << 20
	lookAtSize = 4
)

// releaseObject ends the use of a file.
func (s *Symbolizer) releaseObject(o *object) {
	if o.lookups.Add(1)%lookAtSize == 0 {
		o.file.ForgetOver(maxMapped)
	}
	s.mu.Lock()
	o.users--
	last := o.users == 0 && o.dropped
	s.mu.Unlock()
	if last {
		_ = o.close()
	}
}

// close releases the file. Unmapping does not fail in a way that callers could
// help.
func (o *object) close() error {
	if o.file == nil {
		return nil
	}
	return errors.Join(o.debug.Close(), o.file.Close())
}

// open finds and opens a file.
func (s *Symbolizer) open(o *object, key objectKey) error {
	found, err := s.finder().Open(key.module, key.buildID, key.load)
	if err != nil {
		return err
	}
	d, err := dwarf.New(found.File, func(name, id string) iter.Seq2[*kobj.File, error] {
		return s.finder().Alternates(found.File.DebugFile(), name, id, key.load)
	})
	if err != nil {
		return errors.Join(err, found.File.Close())
	}
	o.path, o.file, o.debug, o.buildID = found.File.Name, found.File, d, found.File.BuildID()
	o.lacks, o.stale = found.Lacks, found.Stale
	return nil
}

// finder gives what finds the files.
func (s *Symbolizer) finder() *debugfile.Finder {
	s.finderOnce.Do(func() {
		s.find = &debugfile.Finder{Root: s.root, Release: s.Release, Dirs: s.Dirs}
		if s.Debuginfod == nil {
			s.find.Server = debugfile.EnvironmentDebuginfod()
		} else {
			s.find.Server = s.Debuginfod.client()
		}
	})
	return s.find
}

// mayLoad notes that the files of a module are worth loading from a server, because
// a frame is of it. To look for bare addresses all modules are opened that there are
// files of, and not one of them needs to be the right one.
func (s *Symbolizer) mayLoad(module string) {
	if s.finder().Server == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loadable == nil {
		s.loadable = make(map[string]bool)
	}
	if len(s.loadable) < maxLoadable {
		s.loadable[moduleName(module)] = true
	}
}

// maxLoadable is how many modules may be asked servers for; the text of a report
// may name any number.
const maxLoadable = 4096

// moduleName gives a module's name as the kernel prints it.
func moduleName(s string) string { return debugfile.ModuleName(s) }
