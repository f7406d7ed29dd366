// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package maintainers

import (
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		kind     byte
		value    string
		depth    int
		yes, not string // paths
	}{
		{'F', "mm/slub.c", 2, "mm/slub.c", "mm/slubxc mm/slab.c x/mm/slub.c"},
		{'F', "drivers/net/", 2, "drivers/net/a.c drivers/net/x/a.c", "drivers/net drivers/network.c"},
		{'F', "drivers/net/*", 3, "drivers/net/a.c", "drivers/net/x/a.c drivers/a.c"},
		{'F', "drivers/net", 2, "drivers/net/a.c drivers/net/x/a.c", "drivers/ne"},
		{'F', "drivers/*/Kconfig", 3, "drivers/net/Kconfig", "drivers/net/x/Kconfig"},
		{'F', "fs/**/*foo*.c", 3, "fs/a/foo.c fs/a/b/xfoox.c", "fs/foo.c lib/a/foo.c"},
		{'F', "**/*_test.c", -1, "lib/x_test.c a/b/x_test.c", "lib/x.c"},
		{'F', "lib/locking*.[ch]", 2, "lib/locking-x.c lib/locking.h", "lib/locking.S lib/locking.d/x.c"},
		{'F', "sound/da72??.c", 2, "sound/da7213.c", "sound/da721.c"},
		{'F', "lib/ab+c", 2, "lib/abbc lib/abc", "lib/ac"},
		{'F', "lib/a|mm/b", 3, "lib/a/x x/mm/b", "lib/a"},
		{'F', "*", -1, "Makefile", "lib/a.c"},
		{'N', "[^a-z]tegra", 0, "arch/tegra.c drivers/x-tegra/a.c", "integra.c tegra.c"},
		{'N', `bcm [9]? 47622 # comment`, 0, "a/bcm47622.c a/bcm947622.c", "a/bcm4762.c"},
		{'N', `a[ #]b\ c`, 0, "a b c", "ab c"},
	} {
		t.Run(tt.value, func(t *testing.T) {
			p, err := newPattern(tt.kind, tt.value)
			if err != nil {
				t.Fatal(err)
			}
			if p.depth != tt.depth {
				t.Errorf("depth %d, want %d", p.depth, tt.depth)
			}
			yes, not := strings.Fields(tt.yes), strings.Fields(tt.not)
			if strings.Contains(tt.value, `\ `) {
				yes, not = []string{tt.yes}, []string{tt.not}
			}
			for _, path := range yes {
				if !p.match(path) {
					t.Errorf("does not match %q", path)
				}
			}
			for _, path := range not {
				if p.match(path) {
					t.Errorf("matches %q", path)
				}
			}
		})
	}
	for _, value := range []string{"", "lib/(", strings.Repeat("x", 2*maxPattern)} {
		if _, err := newPattern('F', value); err == nil {
			t.Errorf("%.20q: no error", value)
		}
	}
}
