// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

// leakOf returns a leak with these frames, the innermost first.
func leakOf(t testing.TB, more int, lines ...string) kmemleak.Leak {
	t.Helper()
	l := kmemleak.Leak{Size: 8, More: more}
	for _, line := range lines {
		f, err := kmemleak.ParseFrame(line)
		if err != nil {
			t.Fatal(err)
		}
		l.Backtrace = append(l.Backtrace, f)
	}
	return l
}

func TestGroupText(t *testing.T) {
	leak := func(lines ...string) kmemleak.Leak { return leakOf(t, 0, lines...) }
	var many []kmemleak.Leak
	for i := range 12 {
		many = append(many, leak(fmt.Sprintf("lose+0x%x/0x100 [m]", 16*i+1)))
	}
	for _, tt := range []struct {
		name  string
		leaks []kmemleak.Leak
		want  []string
	}{
		{"one line", []kmemleak.Leak{leak("lose+0x1/0x9 [m]"), leak("lose+0x1/0x9 [m]")}, []string{"lose+0x1/0x9 [m]"}},
		{"offsets", []kmemleak.Leak{leak("lose+0x14/0x90 [m]"), leak("lose+0x8/0x90 [m]"), leakOf(t, 4, "lose+0x14/0x90 [m]")},
			[]string{"lose+0x8/0x90 [m] ×1, +0x14/0x90 ×6"}},
		{"lines that a tool found", []kmemleak.Leak{leak("lose+0x14/0x90 m/a.c:10"), leak("lose+0x8/0x90 m/a.c:7"), leak("lose+0x14/0x90 m/a.c:10")},
			[]string{"lose at m/a.c:7 ×1, :10 ×2"}},
		{"inlined functions", []kmemleak.Leak{
			leak("fill m/a.h:3 [inline]", "lose+0x14/0x90 m/a.c:10"), leak("fill m/a.h:5 [inline]", "lose+0x24/0x90 m/a.c:12"),
			leak("lose+0x34/0x90 m/a.c:14"), leak("put m/b.h:3 [inline]", "lose+0x44/0x90 m/a.c:16"),
		}, []string{"fill at m/a.h:3 ×1, :5 ×1, inlined into lose, lose at m/a.c:14 ×1, put at m/b.h:3 ×1, inlined into lose"}},
		{"some without a line", []kmemleak.Leak{leak("lose+0x14/0x90 m/a.c:10"), leak("lose+0x8/0x90")},
			[]string{"lose+0x8/0x90 ×1, at m/a.c:10 ×1"}},
		{"too many", many, []string{"lose+0x1/0x100 [m] ×1, +0x11/0x100 ×1, +0x21/0x100 ×1, +0x31/0x100 ×1, +0x41/0x100 ×1, +0x51/0x100 ×1, " +
			"+0x61/0x100 ×1, +0x71/0x100 ×1, and 4 lines more ×4"}},
		{"addresses", []kmemleak.Leak{leak("0xffffffffc0a01010"), leak("0xffffffffc0b02010")}, []string{"0xffffffffc0a01010"}},
		{"callers", []kmemleak.Leak{
			leak("lose+0x1/0x9", "middle+0x1/0x9", "ioctl+0x1/0x9", "do_syscall_64+0x1/0x9"),
			leak("lose+0x1/0x9", "middle+0x1/0x9", "write+0x1/0x9", "do_syscall_64+0x1/0x9"),
			leak("lose+0x1/0x9", "probe.isra.0+0x1/0x9"),
			leak("other+0x1/0x9", "probe+0x1/0x9"),
			leak("lose+0x1/0x9", "middle+0x1/0x9"),
		}, []string{"lose+0x1/0x9, from ioctl", "lose+0x1/0x9, from write", "lose+0x1/0x9, from probe", "other+0x1/0x9", "lose+0x1/0x9"}},
		{"a caller that is an address", []kmemleak.Leak{leak("lose+0x1/0x9", "0xffffffffc0a01010", "ioctl+0x1/0x9"), leak("lose+0x1/0x9", "probe+0x1/0x9")},
			[]string{"lose+0x1/0x9", "lose+0x1/0x9, from probe"}},
		{"no owner", []kmemleak.Leak{leak("kmalloc_trace+0x1/0x9"), {Size: 1}}, []string{"owner not known", "owner not known"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, g := range new(Options).groups(kmemleak.Groups(tt.leaks)) {
				got = append(got, g.text())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
