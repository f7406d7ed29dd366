// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !linux

package machine

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"runtime"
)

var errNotLinux = fmt.Errorf("%w: it is a part of Linux, this is %s", ErrUnavailable, runtime.GOOS)

// local is the machine that this program runs on.
type local struct{ path string }

func (local) Command(context.Context, string) error             { return errNotLinux }
func (local) Scan(context.Context) error                        { return errNotLinux }
func (local) Open(context.Context) (io.ReadCloser, error)       { return nil, errNotLinux }
func (local) Dump(context.Context, uint64) ([]LogRecord, error) { return nil, errNotLinux }
func (local) Jiffies(context.Context) (uint64, error)           { return 0, errNotLinux }
func (local) Setting(context.Context, string) (string, error)   { return "", errNotLinux }
func (local) Modules(context.Context) (fs.FS, error)            { return nil, errNotLinux }
func (local) ScanThread(context.Context) (bool, error)          { return false, errNotLinux }
func (local) Lock(context.Context, func()) (func(), error)      { return nil, errNotLinux }
func (local) Watch() (Watcher, error)                           { return nil, errNotLinux }
func (local) Apart(f func())                                    { f() }
func (local) TurnOver(context.Context)                          {}
func (local) TurnOverSheaves(context.Context) error             { return errNotLinux }
func (local) Barrier(context.Context)                           {}
func (local) NoteStopped(bool)                                  {}
func (local) WasStopped() bool                                  { return false }
func (local) Load(context.Context, string) error                { return errNotLinux }
func (local) Unload(context.Context, string) error              { return errNotLinux }
func mountDebugfs(string) error                                 { return errNotLinux }
