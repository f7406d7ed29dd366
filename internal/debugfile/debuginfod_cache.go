// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// entry is a file in the cache of elfutils' clients, laid out as they do it
// (debuginfod_query_server_by_buildid in debuginfod/debuginfod-client.c, 0.188):
//
//	CACHE/BUILDID/debuginfo       a file, mode 0400, in a folder of mode 0700
//	CACHE/BUILDID/debuginfo.XXX   while it is downloaded
//	CACHE/BUILDID/executable      of size 0: no server had it, at the time of its last change
//	CACHE/cache_miss_s            number of seconds for which that is believed, 600 if there is no such file
//
// elfutils' clients remove files that were not used for a week, by the time of the last
// access. This package removes none.
type entry struct {
	id, kind string
	cache    string // the folder
	path     string // of the file in it
}

// entry returns the cache's entry for a file.
func (d *Debuginfod) entry(id, kind string) (entry, error) {
	dir, err := d.Cache, error(nil)
	if dir == "" {
		dir, err = cacheFolder()
	}
	return entry{id, kind, dir, filepath.Join(dir, id, kind)}, err
}

// cacheFolder returns the folder of elfutils' clients.
func cacheFolder() (string, error) {
	if dir := os.Getenv("DEBUGINFOD_CACHE_PATH"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err == nil {
		old := filepath.Join(home, ".debuginfod_client_cache")
		if info, err := os.Stat(old); err == nil && info.IsDir() {
			return old, nil
		}
	}
	dir := os.Getenv("XDG_CACHE_HOME")
	if dir == "" {
		if err != nil {
			return "", fmt.Errorf("no folder for downloaded files: %w", err)
		}
		dir = filepath.Join(home, ".cache")
	}
	return filepath.Join(dir, "debuginfod_client"), nil
}

// lookup reports whether the entry is known: either the file is there, or the error
// says that no server had it.
func (e entry) lookup() (known bool, err error) {
	info, err := os.Stat(e.path)
	if err != nil {
		return false, nil
	}
	now := time.Now()
	if info.Size() > 0 {
		if e.verify(e.path) != nil {
			return false, nil
		}
		// This keeps it from being removed: access times are not always recorded.
		_ = os.Chtimes(e.path, now, time.Time{})
		return true, nil
	}
	if age := now.Sub(info.ModTime()); age <= e.missTime() {
		return true, fmt.Errorf("no server had it %s ago: %w", max(age, 0).Round(time.Second), fs.ErrNotExist)
	}
	_ = os.Remove(e.path)
	return false, nil
}

// missTime returns how long the cache believes that no server has a file.
func (e entry) missTime() time.Duration {
	b, err := os.ReadFile(filepath.Join(e.cache, "cache_miss_s"))
	if err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && n >= 0 && n <= maxSeconds {
			return time.Duration(n) * time.Second
		}
	}
	return 10 * time.Minute
}

// miss records that no server has the file.
func (e entry) miss() {
	if err := os.MkdirAll(filepath.Dir(e.path), 0o700); err != nil {
		return
	}
	// If this cannot be recorded, the servers are asked again.
	if file, err := os.OpenFile(e.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666); err == nil {
		_ = file.Close()
	}
}

// store makes the file from the output of write, if that has the right build ID. Others
// see all of it or nothing. The time of its last change is the server's, if known.
func (e entry) store(modified time.Time, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(e.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	file, err := os.CreateTemp(dir, e.kind+".*")
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
			_ = os.Remove(dir) // if nothing else is in it
		}
	}()
	err = write(localWriter{file})
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := e.verify(file.Name()); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	now := time.Now()
	if modified.IsZero() {
		modified = now
	}
	_ = os.Chtimes(file.Name(), now, modified)
	_ = os.Chmod(file.Name(), 0o400)
	if err := os.Rename(file.Name(), e.path); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return nil
}

// localWriter distinguishes write errors from those of the server.
type localWriter struct{ io.Writer }

// Write implements [io.Writer].
func (w localWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil {
		err = fmt.Errorf("%w: %w", errRefused, err)
	}
	return n, err
}

// verify returns an error if a file is not the one that was asked for.
func (e entry) verify(path string) error {
	f, err := kobj.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if id := f.BuildID(); id != e.id {
		return fmt.Errorf("the downloaded file has the build ID %s, not %s", cmp.Or(id, "(none)"), e.id)
	}
	return nil
}
