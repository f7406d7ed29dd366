// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJumps(t *testing.T) {
	tests := []struct {
		build, function string
		want            []string
	}{
		{"6.1-x86_64", "myfunc", []string{"+0x19 vmalloc"}},
		{"6.1-x86_64", "hello_init", nil},
		{"6.1-x86_64", "cleanup_module", []string{"+0x7 _printk"}},
		{"6.12-x86_64", "myfunc", []string{"+0x19 vmalloc_noprof"}},
		{"6.1-i386", "myfunc", nil},
	}
	for _, tt := range tests {
		t.Run(tt.build+" "+tt.function, func(t *testing.T) {
			f, err := Open("../../testdata/modules/hello_kernel/" + tt.build + "/hello-kernel.ko")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			symbols, err := f.Lookup(tt.function)
			if err != nil || len(symbols) != 1 {
				t.Fatalf("symbols %v, %v", symbols, err)
			}
			lo := symbols[0].Addr()
			hi := lo + symbols[0].Size
			jumps, ok := f.Jumps(lo, hi, func(addr uint64) bool { return lo <= addr && addr < hi })
			if !ok {
				t.Fatal("not understood")
			}
			var got []string
			for _, j := range jumps {
				got = append(got, fmt.Sprintf("+%#x %s", j.Addr-lo, j.To.Callee))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("jumps (-want +got):\n%s", diff)
			}
		})
	}
}
