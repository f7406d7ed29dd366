// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package resolve

import demangler "github.com/ianlancetaylor/demangle"

func init() {
	demangle = func(name string) string { return demangler.Filter(name, demangler.MaxLength(12)) }
}
