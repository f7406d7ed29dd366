// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package maintainers

import "regexp"

func init() {
	compile = func(expr string) (matcher, error) { return regexp.Compile(expr) }
}
