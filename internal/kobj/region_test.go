// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAtResidue(t *testing.T) {
	tests := []struct {
		build   string
		region  Region
		residue uint64
		want    []string
	}{
		{"6.1-x86_64", RegionInitText, 0x17, []string{".init.text+0x17"}},
		{"6.1-x86_64", RegionCoreText, 0xa, []string{".text+0xa"}},
		// The end of one section is in the next one, which starts there.
		{"6.1-x86_64", RegionCoreText, 0x1e, []string{".text+0x1e"}},
		{"6.1-x86_64", RegionCoreText, 0x3c, []string{".text.unlikely+0x12"}},
		{"6.1-x86_64", RegionCoreText, 0xfff, nil},
		// The sections behind are those that the kernel fills with jumps.
		{"6.12-arm64", RegionCoreText, 0x74, []string{".text+0x74"}},
		{"6.12-arm64", RegionCoreText, 0xa8, []string{".exit.text+0x18"}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s region %d %#x", tt.build, tt.region, tt.residue), func(t *testing.T) {
			f, err := Open("../../testdata/modules/hello_kernel/" + tt.build + "/hello-kernel.ko")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			places, ok := f.AtResidue(tt.region, tt.residue, 4096)
			if !ok {
				t.Fatal("not known")
			}
			var got []string
			for _, p := range places {
				got = append(got, fmt.Sprintf("%s+%#x", p.Section.Name, p.Offset))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}
