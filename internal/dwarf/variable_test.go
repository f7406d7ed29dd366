// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

func TestVariables(t *testing.T) {
	const dir = "../../testdata/modules/hello_kernel/"
	tests := []struct {
		build, function string
		offset          uint64
		want            []string
	}{
		{"6.1-x86_64", "greet.constprop.0", 0x12, []string{
			"2 greeting_new struct greeting * g of 64; 0 u32 number 4; 4 u32 length 4; 8 char[] text 56",
			"3 greet struct greeting * g of 64; 0 u32 number 4; 4 u32 length 4; 8 char[] text 56",
			"3 greet void * unused of 0",
		}},
		{"6.12-x86_64", "greet.constprop.0", 0x19, []string{
			"1 greeting_alloc struct alloc_tag * _old of 40; 0 struct codetag ct 32; 32 struct alloc_tag_counters * counters 8",
			"1 greeting_alloc void * _res of 0, received",
			"2 greeting_new struct greeting * g of 64, received; 0 u32 number 4; 4 u32 length 4; 8 char[] text 56",
			"3 greet struct greeting * g of 64; 0 u32 number 4; 4 u32 length 4; 8 char[] text 56",
			"3 greet void * unused of 0",
		}},
		{"6.1-i386", "greet.constprop.0", 0x16, []string{
			"2 greeting_new struct greeting * g of 64; 0 u32 number 4; 4 u32 length 4; 8 char[] text 56",
			"3 greet struct greeting * g of 64; 0 u32 number 4; 4 u32 length 4; 8 char[] text 56",
			"3 greet void * unused of 0",
		}},
		{"6.1-x86_64", "myfunc", 0xa, []string{"0 myfunc char * ptr of 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.build+" "+tt.function, func(t *testing.T) {
			f, err := kobj.Open(dir + tt.build + "/hello-kernel.ko")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			d, err := New(f, alternates(f))
			if err != nil {
				t.Fatal(err)
			}
			symbols, err := f.Lookup(tt.function)
			if err != nil || len(symbols) != 1 {
				t.Fatal(symbols, err)
			}
			vars, err := d.Variables(symbols[0].Addr() + tt.offset)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range vars {
				if v.Type.Kind != KindPointer {
					continue
				}
				s := fmt.Sprintf("%d %s %s %s of %d", v.Inlined, v.Function, v.Type.Name, v.Name, v.Type.Elem.Size)
				if v.Received {
					s += ", received"
				}
				for _, f := range v.Type.Elem.Fields {
					s += fmt.Sprintf("; %d %s %s %d", f.Offset, f.Type.Name, f.Name, f.Type.Size)
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("pointers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFunctionPointer(t *testing.T) {
	f, d := open(t, modules+"/x86_64.ko")
	symbols, err := f.Lookup("queue_visit")
	if err != nil || len(symbols) == 0 {
		t.Fatal(symbols, err)
	}
	vars, err := d.Variables(symbols[0].Addr() + 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vars {
		if v.Name == "fn" && v.Type.Name == "function *" {
			return
		}
	}
	t.Errorf("no pointer to a function: %+v", vars)
}
