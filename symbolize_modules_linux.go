// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "os"

// LoadedModules tells where the modules of the running kernel are in memory, from
// /proc/modules and /sys/module. It needs root: to others the kernel shows zeros
// for addresses. Then the modules come without Sections, together with an error
// that matches [io/fs.ErrPermission].
//
// On systems other than Linux the error matches [ErrUnavailable].
func LoadedModules() ([]Module, error) { return loadedModules(os.DirFS("/")) }
