// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

// mapFrom is the size from which a file is mapped. Smaller files are read, which costs
// less, and cannot change while in use.
const mapFrom = 1 << 20

// Open opens an object file.
func Open(name string) (*File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	var f *File
	defer func() {
		if f == nil || f.file == nil {
			_ = file.Close()
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a regular file", name, ErrFormat)
	}
	var raw []byte
	var release func() error
	if info.Size() >= mapFrom {
		raw, release, err = Map(file, info.Size())
	}
	if raw == nil || err != nil {
		if raw, err = io.ReadAll(file); err != nil {
			return nil, err
		}
		release = nil
	}
	if f, err = New(raw, name); err != nil {
		if release != nil {
			err = errors.Join(err, release())
		}
		return nil, err
	}
	f.release = release
	if release != nil {
		f.mapApart(file)
	}
	return f, nil
}

// apartFrom is the smallest size of sections whose pages [File.Forget] releases. Smaller
// ones, such as symbols, strings and abbreviations, are read all over repeatedly.
const apartFrom = 8 << 20

// Guard calls fn and turns a memory fault in it into an error. Reading a mapped file
// that has been truncated causes such a fault.
func Guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface {
			runtime.Error
			Addr() uintptr
		}:
			err = fmt.Errorf("%w: truncated while in use", ErrFormat)
		default:
			panic(r)
		}
	}()
	return fn()
}
