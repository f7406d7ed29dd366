// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak"
)

// notOf returns a function that reports whether a leak is known to be of none of the
// modules. Unlike [kmemleak.InModule], it looks up frames that have lost their module.
// A leak of an unknown owner may be of any module.
func notOf(modules []string, s *kmemleak.Symbolizer) func(kmemleak.Leak) bool {
	names := make([]string, len(modules))
	for i, name := range modules {
		names[i] = strings.ReplaceAll(name, "-", "_")
	}
	return func(l kmemleak.Leak) bool {
		if f, ok := l.Owner(); ok && f.Func != "" && f.Module != "" {
			return !slices.Contains(names, f.Module)
		}
		calls := s.Backtrace(l.Backtrace)
		i, _ := kmemleak.OwnerCall(calls)
		if i < 0 {
			return false
		}
		c := calls[i]
		if c.Frame.Func == "" && c.Confidence < kmemleak.Assumed {
			return false
		}
		return !slices.Contains(names, c.Module)
	}
}
