// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !linux

package kobj

import "os"

func (f *File) mapApart(*os.File) {}

// Forget does nothing: only Linux has advice that is safe for pages in use.
func (f *File) Forget() {}

// ForgetOver does nothing.
func (f *File) ForgetOver(limit int64) {}
