// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package blame

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names returns functions of which only the names are known; "-" is a bare address.
func names(list ...string) (fs []Function) {
	for _, name := range list {
		if name == "-" {
			name = ""
		}
		fs = append(fs, Function{Name: name})
	}
	return fs
}

func TestWalk(t *testing.T) {
	for _, tt := range []struct {
		name         string
		functions    []Function
		first, owner int
	}{
		{"none", nil, -1, -1},
		{"allocators", names("__kmalloc", "vmalloc"), -1, -1},
		{"kept", names("__kmalloc", "thing_open", "bus_open"), 1, 1},
		{"passed", names("__kmalloc", "thing_alloc", "thing_open"), 1, 2},
		{"allocator in between", names("kmalloc_trace", "dev_set_name", "krealloc", "thing_open"), 1, 3},
		{"nothing below", names("__kmalloc", "kobject_set_name_vargs", "kobject_set_name"), 1, 2},
		{"entry below", names("__kmalloc", "thing_alloc", "process_one_work", "worker_thread"), 1, 1},
		{"only an entry", names("__kmalloc", "__do_sys_thing", "do_syscall_64"), 1, 1},
		{"name above a bare address", names("__kmalloc", "thing_alloc", "-", "thing_open"), 1, 1},
		{"service above a bare address", names("__kmalloc", "dev_set_name", "-", "thing_open"), 1, 2},
		{"name above a dispatcher", names("__kmalloc", "thing_new_station", "genl_family_rcv_msg_doit", "genl_rcv"), 1, 1},
		{"bare address", names("__kmalloc", "-", "thing_open"), 1, 1},
	} {
		first, owner := Walk(len(tt.functions), func(i int) (Function, bool) { return tt.functions[i], true }, nil)
		if diff := cmp.Diff([]int{tt.first, tt.owner}, []int{first, owner}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestWalkSkips(t *testing.T) {
	list := names("__kmalloc", "thing_open", "bus_open")
	if first, owner := Walk(len(list), func(i int) (Function, bool) { return list[i], i != 1 }, nil); first != 2 || owner != 2 {
		t.Errorf("first %d, owner %d", first, owner)
	}
}

func TestCandidates(t *testing.T) {
	in := func(file, name, returns string) Function { return Function{Name: name, File: file, Returns: returns} }
	inlined := func(f Function) Function { f.Inlined = true; return f }
	for _, tt := range []struct {
		name      string
		functions []Function
		want      []string
	}{
		{"none", names("__kmalloc"), nil},
		{"one of each file", []Function{
			in("net/a.c", "thing_open", Value), in("net/a.c", "thing_start", Value), in("net/b.c", "bus_open", Value),
			in("net/a.c", "thing_add", Value), in("net/c.c", "c_open", Value), in("net/d.c", "d_open", Value),
		}, []string{
			"thing_open: called an allocator",
			"bus_open: called thing_start, which returns no pointer",
			"c_open: called thing_add, which returns no pointer",
		}},
		{"service", []Function{in("lib/kobject.c", "kobject_set_name_vargs", Value), in("net/a.c", "thing_open", Value)},
			[]string{"thing_open: called kobject_set_name_vargs, which makes names and objects of sysfs for any caller"}},
		{"service of the same folder", []Function{in("crypto/api.c", "crypto_create_tfm", Pointer), in("crypto/algapi.c", "thing_spawn", Pointer), in("net/a.c", "thing_open", Value)},
			[]string{"thing_spawn: called crypto_create_tfm, which makes cipher handles for any caller",
				"crypto_create_tfm: makes cipher handles for any caller",
				"thing_open: called thing_spawn, which does not seem to make what it returns"}},
		{"maker that returns a pointer", []Function{in("net/a.c", "thing_alloc", Pointer), in("net/b.c", "bus_open", Pointer), in("net/c.c", "c_open", Value)},
			[]string{"bus_open: called thing_alloc, which returns what it makes", "thing_alloc: returns what it makes",
				"c_open: called bus_open, which does not seem to make what it returns"}},
		{"a guess", names("thing_alloc", "bus_open", "process_one_work"),
			[]string{"bus_open: called thing_alloc, which hands on what it makes, as its name says", "thing_alloc: hands on what it makes, as its name says (tie)"}},
		{"up to an entry", names("thing_open", "bus_open", "__do_sys_open", "do_syscall_64"),
			[]string{"thing_open: called an allocator", "bus_open: called thing_open, which does not seem to hand on what it makes"}},
		{"services and bare addresses below", []Function{{}, in("drivers/base/dd.c", "really_probe", Value), {}, in("net/b.c", "bus_open", Value)},
			[]string{": called an allocator", "bus_open: led to the code above, which is at a bare address"}},
		{"dispatchers", names("thing_probe", "bus_probe", "really_probe", "driver_register", "thing_add"), []string{
			"thing_probe: called an allocator", "bus_probe: called thing_probe, which does not seem to hand on what it makes",
			"thing_add: led to bus_probe, which does not seem to hand on what it makes",
		}},
		{"inlined", []Function{
			inlined(in("include/linux/slab.h", "kmalloc", Pointer)), inlined(in("include/net/a.h", "a_alloc", Pointer)),
			inlined(in("net/a.c", "thing_new", Pointer)), inlined(in("net/a.h", "thing_set", Value)), in("net/a.c", "thing_open", Value),
		}, []string{"thing_new: called an allocator", "thing_set: called thing_new, which returns what it makes"}},
	} {
		var got []string
		for _, c := range Candidates(tt.functions) {
			s := fmt.Sprintf("%s: %s", tt.functions[c.Index].Name, c.Reason)
			if c.Tie {
				s += " (tie)"
			}
			got = append(got, s)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
