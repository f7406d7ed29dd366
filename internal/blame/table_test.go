// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package blame

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "abcd", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"*b*", "abc", true}, {"*b", "abcb", true}, {"abc", "abcd", false}, {"bc", "abc", false},
		{"a*b*c", "aXbXbXc", true}, {"**", "x", true}, {"?", "", false},
		{strings.Repeat("*a", 50) + "b", strings.Repeat("a", 5000), false},
	} {
		if got := Match(tt.pattern, tt.name); got != tt.want {
			t.Errorf("Match(%.20q, %.20q) = %v", tt.pattern, tt.name, got)
		}
	}
}

func TestAllocator(t *testing.T) {
	for name, want := range map[string]bool{
		"__kmalloc": true, "kmem_cache_alloc_node": true, "kmemdup": true, "alloc_skb_with_frags": true,
		"_kmalloc": true, "_kvmalloc_array_node": true, "kmem_cache_prefill_sheaf": true, "__alloc_frozen_pages": true,
		"<kernel::alloc::allocator::Kmalloc as kernel::alloc::Allocator>::realloc": true,
		"": false, "myfunc": false, "kmalloc_user": false, "my_kmalloc": false, "vm": false,
	} {
		if got := Allocator(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
	for _, list := range [][]string{allocatorNames, entryNames} {
		seen := make(map[string]bool)
		for _, p := range list {
			if p == "" || p[0] == '*' || seen[p] {
				t.Errorf("pattern %q is empty, begins with a star, or is there twice", p)
			}
			seen[p] = true
		}
	}
}
