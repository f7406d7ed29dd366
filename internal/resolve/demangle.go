// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import "strings"

// demangle returns a name as the source has it. It is nil in programs for initramfs,
// whose names of C++ and Rust functions stay as the kernel prints them.
var demangle func(name string) string

// Demangled returns the name of a C++ or Rust function as its source has it, and
// other names as they are.
func Demangled(name string) string {
	if demangle == nil || len(name) > 1<<10 || !strings.HasPrefix(name, "_") {
		return name
	}
	return demangle(name)
}
