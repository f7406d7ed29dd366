// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !linux

package kmemleak

import (
	"context"
	"fmt"
	"io"
	"runtime"
)

var errNotLinux = fmt.Errorf("%w: it is a part of Linux, this is %s", ErrUnavailable, runtime.GOOS)

// local is the machine that this program runs on.
type local struct{ path string }

func (local) probe() error                                 { return errNotLinux }
func (local) scan() error                                  { return errNotLinux }
func (local) command(string) error                         { return errNotLinux }
func (local) open() (io.ReadCloser, error)                 { return nil, errNotLinux }
func (local) dump(uint64) (Object, error)                  { return Object{}, errNotLinux }
func (local) ticks() (io.ReadCloser, error)                { return nil, errNotLinux }
func (local) setting(string) (string, error)               { return "", errNotLinux }
func (local) scanThread() (bool, error)                    { return false, errNotLinux }
func (local) lock(context.Context, func()) (func(), error) { return nil, errNotLinux }
func (local) watch() (watcher, error)                      { return nil, errNotLinux }
func (local) apart(f func())                               { f() }
func (local) load(string) error                            { return errNotLinux }
func (local) unload(string) error                          { return errNotLinux }
func mountDebugfs(string) error                            { return errNotLinux }
