// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package testdata embeds one capture of a real kernel and the module that it is
// about, for examples that run anywhere.
package testdata

import "embed"

// Hello holds what Linux 6.12 reported of the module hello_kernel, where the
// module lay in memory, and the module itself.
//
//go:embed reports/hello_kernel-6.12-x86_64.txt reports/hello_kernel-6.12-x86_64.modules.json
//go:embed modules/hello_kernel/hello.c modules/hello_kernel/6.12-x86_64/hello-kernel.ko
var Hello embed.FS
