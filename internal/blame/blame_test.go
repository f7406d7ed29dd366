// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package blame

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPass(t *testing.T) {
	const (
		kept    = ""
		service = "any caller"
		maker   = "returns what it makes"
		guess   = "hands on what it makes, as its name says"
	)
	for _, tt := range []struct {
		name string
		f    Function
		want string // its end
	}{
		{"bare address", Function{Returns: Pointer}, kept},
		{"entry", Function{Name: "__do_sys_dup", Returns: Pointer}, kept},
		{"name in sysfs", Function{Name: "kobject_set_name_vargs"}, service},
		{"name in sysfs, known to return a number", Function{Name: "dev_set_name", Returns: Value}, service},
		{"library", Function{Name: "thing_init", File: "lib/thing.c", Returns: Value}, service},
		{"library, absolute", Function{Name: "thing_init", File: "/build/linux-6.12/mm/thing.c"}, service},
		{"driver core", Function{Name: "thing_init", File: "drivers/base/thing.c"}, service},
		{"loader of firmware", Function{Name: "thing_init", File: "drivers/base/firmware_loader/thing.c"}, service},
		{"below the driver core", Function{Name: "thing_init", File: "drivers/base/power/thing.c"}, kept},
		{"below the library", Function{Name: "thing_init", File: "lib/thing/thing.c"}, kept},
		{"header", Function{Name: "thing_init", File: "lib/thing.h"}, kept},
		{"library of an architecture", Function{Name: "thing_init", File: "arch/x86/lib/thing.c"}, kept},
		{"library of a file system", Function{Name: "thing_init", File: "/src/linux/fs/thing/lib/thing.c"}, kept},
		{"library of a module", Function{Name: "thing_init", File: "/home/me/thing/lib/thing.c", Module: "thing"}, kept},
		{"folder that ends alike", Function{Name: "thing_init", File: "zlib/thing.c"}, kept},
		{"no folder", Function{Name: "thing_init", File: "lib.c"}, kept},

		{"maker", Function{Name: "thing_alloc", Returns: Pointer}, maker},
		{"maker, word in front", Function{Name: "__new_thing", Returns: Pointer}, maker},
		{"maker, word in the middle", Function{Name: "thing_create_at", Returns: Pointer}, maker},
		{"getter", Function{Name: "thing_get_or_make", Returns: Pointer}, maker},
		{"no pointer", Function{Name: "thing_alloc", Returns: Value}, kept},
		{"no such word", Function{Name: "thing_lookup", Returns: Pointer}, kept},
		{"part of a word", Function{Name: "thing_allocator", Returns: Pointer}, kept},

		{"name alone", Function{Name: "thing_alloc"}, guess},
		{"name alone, in the middle", Function{Name: "thing_alloc_at"}, guess},
		{"getter, name alone", Function{Name: "thing_get"}, guess},
		{"getter of something, name alone", Function{Name: "thing_get_tree"}, kept},
		{"new thing, name alone", Function{Name: "bus_new_thing"}, guess},
		{"new one, name alone", Function{Name: "thing_new"}, kept},
		{"operation of a table, name alone", Function{Name: "thing_create"}, kept},
		{"copy, name alone", Function{Name: "thing_copy"}, kept},
		{"underscores", Function{Name: "___"}, kept},
		{"method", Function{Name: "<thing::Thing>::alloc"}, kept},
	} {
		got := Pass(tt.f)
		text := got.Text
		if len(text) > len(tt.want) {
			text = text[len(text)-len(tt.want):]
		}
		if text != tt.want || tt.want == kept && got != (Reason{}) || got.Maker != (tt.want == maker || tt.want == guess) || got.Guess != (tt.want == guess) {
			t.Errorf("%s: %+v, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDir(t *testing.T) {
	for file, want := range map[string]string{"": "", "a.c": "", "fs/a.c": "fs", "/src/fs/x/a.c": "/src/fs/x"} {
		if diff := cmp.Diff(want, Dir(file)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", file, diff)
		}
	}
}
