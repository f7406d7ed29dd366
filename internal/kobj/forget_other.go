// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !linux

package kobj

// Forget does nothing: advice that is safe for pages in use is Linux's own.
func (f *File) Forget() {}

// ForgetOver does nothing.
func (f *File) ForgetOver(limit int64) {}
