// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"context"
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

// image is an open object file, shared by its users.
type image struct {
	once sync.Once
	err  error

	path     string // of the file with the code
	file     *kobj.File
	debug    *dwarf.Data
	buildID  string
	lacks    error        // why there is no debugging information; nil if there is some
	foreign  error        // the file was made for a kernel of another release; nil if not, or if that is not known
	versions bool         // foreign, but its versions of symbols may have been right
	stale    error        // what runs is of another build; nil if not, or if that is not known
	lookups  atomic.Int32 // since pages were given back

	// Of the set of images, under its lock.
	users   int
	used    uint64 // when last, by the set's clock
	dropped bool   // no longer in the set: the last user closes
}

// images is the set of open files. If there are too many, those that were not used
// for the longest time are closed.
type images struct {
	files *debugfile.Finder
	ctx   context.Context // ends downloads; may be nil

	mu       sync.Mutex
	closed   bool
	open     map[imageKey]*image
	clock    uint64 // counts uses
	loadable map[string]bool
}

var errClosed = fmt.Errorf("symbolizer: %w", fs.ErrClosed)

// maxImages is how many files stay open.
const maxImages = 16

// imageKey identifies an image.
type imageKey struct {
	module  string // with '_'; "" is the kernel image
	buildID string // that it should have, in lower case; "" if that is not known
	load    bool   // from a server, if need be
}

// acquire returns the file for a module, "" being the kernel image. If wanted is not
// "", a file with this build ID is preferred. The caller releases it.
func (s *images) acquire(module, wanted string) (*image, error) {
	key := imageKey{module: ModuleName(module), buildID: strings.ToLower(wanted)}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	key.load = s.files.Server != nil && s.loadable[key.module]
	img := s.open[key]
	var old *image
	if img == nil {
		old = s.evict()
		img = new(image)
		if s.open == nil {
			s.open = make(map[imageKey]*image)
		}
		s.open[key] = img
	}
	s.clock++
	img.used = s.clock
	img.users++
	s.mu.Unlock()
	if old != nil {
		_ = old.close()
	}
	img.once.Do(func() {
		img.err = errors.New("file was truncated while it was opened") // if this does not return
		img.err = s.find(img, key)
	})
	if img.err != nil {
		s.mu.Lock()
		if s.open[key] == img {
			// It may be there the next time.
			delete(s.open, key)
		}
		s.mu.Unlock()
		return nil, img.err
	}
	return img, nil
}

// evict takes the file that was not used for the longest time out of the set, if
// there are too many. It returns the file if it is the caller's to close.
func (s *images) evict() *image {
	if len(s.open) < maxImages {
		return nil
	}
	var oldest imageKey
	for key, img := range s.open {
		if p := s.open[oldest]; p == nil || img.used < p.used {
			oldest = key
		}
	}
	img := s.open[oldest]
	delete(s.open, oldest)
	img.dropped = true
	if img.users > 0 {
		return nil
	}
	return img
}

// Pages of files are released when they take up more than maxMapped bytes, which is
// checked after every few lookups.
const (
	maxMapped  = 24 << 20
	lookAtSize = 4
)

// release ends the use of a file.
func (s *images) release(img *image) {
	if img.lookups.Add(1)%lookAtSize == 0 {
		img.file.ForgetOver(maxMapped)
	}
	s.mu.Lock()
	img.users--
	last := img.users == 0 && img.dropped
	s.mu.Unlock()
	if last {
		_ = img.close()
	}
}

// close closes all files, and opens no more.
func (s *images) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.drop()
}

// drop closes all files. Files in use are closed when their use ends.
func (s *images) drop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for key, img := range s.open {
		delete(s.open, key)
		img.dropped = true
		if img.users == 0 {
			errs = append(errs, img.close())
		}
	}
	return errors.Join(errs...)
}

// close releases the file. Callers could not handle errors of unmapping.
func (img *image) close() error {
	if img.file == nil {
		return nil
	}
	return errors.Join(img.debug.Close(), img.file.Close())
}

// find finds and opens a file.
func (s *images) find(img *image, key imageKey) error {
	ctx := s.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	found, err := s.files.Open(ctx, key.module, key.buildID, key.load)
	if err != nil {
		return err
	}
	d, err := dwarf.New(found.File, func(name, id string) iter.Seq2[*kobj.File, error] {
		return s.files.Alternates(ctx, found.File.DebugFile(), name, id, key.load)
	})
	if err != nil {
		return errors.Join(err, found.File.Close())
	}
	img.path, img.file, img.debug, img.buildID = found.File.Name, found.File, d, found.File.BuildID()
	img.lacks, img.stale = found.Lacks, found.Stale
	img.foreign, img.versions = found.Foreign, found.Versions
	return nil
}

// mayLoad notes that the files of a module are worth downloading, because a frame
// belongs to it. To look for bare addresses, all modules that have files are opened,
// and none of them needs to be the right one.
func (s *images) mayLoad(module string) {
	if s.files.Server == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loadable == nil {
		s.loadable = make(map[string]bool)
	}
	if len(s.loadable) < maxLoadable {
		s.loadable[ModuleName(module)] = true
	}
}

// maxLoadable is the number of modules that servers may be asked for; the text of a
// report may name any number.
const maxLoadable = 4096
