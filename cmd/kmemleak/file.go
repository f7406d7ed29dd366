// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile replaces a file as a whole when the new one is complete: readers such as
// node_exporter see the old file or the new one. If name is not a regular file, such as
// /dev/stderr, it is written to directly, and if it is a symbolic link, that stays. Errors
// have that name, not that of the file in between.
func writeFile(name string, write func(io.Writer) error) error {
	if file := standard(name); file != nil {
		return write(file)
	}
	file, done, err := create(name)
	if err != nil {
		return err
	}
	return done(errors.Join(write(file), file.Close()))
}

// checkFile returns the error that writeFile would end with, before there is something
// to be lost. flag is the one that names the file.
func checkFile(flag, name string) error {
	if name == "" || standard(name) != nil {
		return nil
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil // who reads from a pipe would see its end
	}
	file, done, err := create(name)
	if err == nil {
		// What was there stays, and what was not is not made.
		err = done(errors.Join(file.Close(), errNotWritten))
	}
	if errors.Is(err, errNotWritten) {
		return nil
	}
	if p := new(os.PathError); errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("-%s %s: %w", flag, name, err)
}

// standard returns standard output or standard error if name is that file, by whatever name,
// or nil. Opened anew, it would be written from its beginning, and if it is a socket, not at all.
func standard(name string) *os.File {
	info, err := os.Stat(name)
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if its, itsErr := f.Stat(); err == nil && itsErr == nil && os.SameFile(info, its) {
			return f
		}
	}
	return nil
}

// errNotWritten is why a file that could be written is not.
var errNotWritten = errors.New("only tried")

// create opens what writeFile writes to. done takes the error of writing and closing, and
// returns that of the whole; if there is none, the file has its name then.
func create(name string) (file *os.File, done func(error) error, err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, nil, &os.PathError{Op: "open", Path: name, Err: errors.New("is a folder")}
		}
		file, err := os.OpenFile(name, os.O_WRONLY, 0)
		return file, func(err error) error { return err }, err
	}
	whole := name
	if target, err := filepath.EvalSymlinks(name); err == nil {
		whole = target
	}
	// Who may not read the old file may not read the new one. os.CreateTemp would make a file
	// that nobody else may read.
	mode := fs.FileMode(0o666)
	if info, err := os.Stat(whole); err == nil {
		mode = info.Mode().Perm()
	}
	var part string
	own := func(err error) error {
		if p := new(os.PathError); errors.As(err, &p) && p.Path == part {
			p.Path = name
		}
		return err
	}
	// In a folder that is open to all, somebody else may have made one, or a link.
	const tries = 100
	for n := range tries {
		part = filepath.Join(filepath.Dir(whole), fmt.Sprintf(".%s.%d", filepath.Base(whole), os.Getpid()+n))
		if file, err = os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return file, func(err error) error {
		if err == nil {
			if err = os.Rename(part, whole); err == nil {
				return nil
			}
			if l := new(os.LinkError); errors.As(err, &l) {
				err = &os.PathError{Op: "replace", Path: name, Err: l.Err}
			}
		}
		os.Remove(part)
		return own(err)
	}, own(err)
}
