// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak/internal/need"
)

// drgnObjects prints all objects of kmemleak, one line of JSON each, and the modules.
const drgnObjects = `
import json, struct
from drgn import Object
from drgn.helpers.linux.list import hlist_for_each_entry, list_for_each_entry
def first(*names):
    for name in names:
        try:
            return prog[name]
        except KeyError:
            pass
pools = first("stack_pools", "stack_slabs")
def trace(handle):
    if handle == 0:
        return None
    parts = Object.from_bytes_(prog, prog.type("union handle_parts"), struct.pack("<I", handle))
    if hasattr(parts, "pool_index_plus_1"):
        pool = parts.pool_index_plus_1.value_() - 1
    elif hasattr(parts, "pool_index"):
        pool = parts.pool_index.value_()
    else:
        pool = parts.slabindex.value_()
    record = Object(prog, "struct stack_record", address=pools[pool].value_() + (parts.offset.value_() << 4))
    return [record.entries[i].value_() for i in range(record.size.value_())]
for o in list_for_each_entry("struct kmemleak_object", prog["object_list"].address_of_(), "object_list"):
    stack = trace(o.trace_handle.value_()) if hasattr(o, "trace_handle") else [o.trace[i].value_() for i in range(o.trace_len.value_())]
    areas = [{"Addr": a.start.value_(), "Size": a.size.value_()} for a in hlist_for_each_entry("struct kmemleak_scan_area", o.area_list.address_of_(), "node")]
    print(json.dumps({
        "Meta": o.value_(), "Addr": o.pointer.value_(), "Size": o.size.value_(), "MinCount": o.min_count.value_(), "Count": o.count.value_(),
        "Flags": o.flags.value_(), "Checksum": o.checksum.value_(), "Jiffies": o.jiffies.value_(), "PID": o.pid.value_(),
        "Comm": o.comm.string_().hex(), "ExcessRef": o.excess_ref.value_(), "Stack": stack, "Areas": areas or None,
    }))
print(json.dumps({"Modules": [m.name.string_().decode() for m in list_for_each_entry("struct module", prog["modules"].address_of_(), "list")]}))
`

// drgnObject is an object as drgn reads it.
type drgnObject struct {
	Meta, Addr, Size, Jiffies, ExcessRef uint64
	MinCount, Count, PID                 int
	Flags, Checksum                      uint32
	Comm                                 string // in hexadecimal
	Stack                                []uint64
	Areas                                []Range
	Modules                              []string // of the last line
}

// TestMemoryDrgn reads all objects with drgn: they are the same. drgn 0.0.22 finds no page
// tables in QEMU's ELF cores, and does in what makedumpfile makes of them.
func TestMemoryDrgn(t *testing.T) {
	d := openMemory(t)
	if d.image.Info().GOARCH != "amd64" {
		return // makedumpfile reads dumps of the machine that it runs on
	}
	need.Tools(t, "makedumpfile python3-drgn", "makedumpfile", "drgn")
	name := filepath.Join(t.TempDir(), "packed")
	makedumpfile(t, adjacentHeaders(t, filepath.Join(os.Getenv("KMEMLEAK_MEMORY"), "core")), name, "1", []string{"-l"})
	script := filepath.Join(t.TempDir(), "objects.py")
	if err := os.WriteFile(script, []byte(drgnObjects), 0o600); err != nil {
		t.Fatal(err)
	}
	var messages bytes.Buffer
	cmd := exec.Command("drgn", "-q", "-c", name, "-s", d.vmlinux, script)
	cmd.Stderr = &messages
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &messages)
	}
	var want []drgnObject
	lines := json.NewDecoder(bytes.NewReader(out))
	for lines.More() {
		var o drgnObject
		if err := lines.Decode(&o); err != nil {
			t.Fatal(err)
		}
		want = append(want, o)
	}
	objects, err := d.kernel.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []drgnObject
	for _, o := range objects {
		got = append(got, drgnObject{
			Meta: o.Meta, Addr: o.Addr, Size: o.Size, Jiffies: o.Jiffies, ExcessRef: o.ExcessRef, MinCount: o.MinCount, Count: o.Count, PID: o.PID,
			Flags: o.Flags, Checksum: uint32(o.Checksum), Comm: hex.EncodeToString([]byte(o.Comm)), Stack: o.Stack, Areas: o.Areas,
		})
	}
	modules, err := d.kernel.Modules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range modules {
		names = append(names, m.Name)
	}
	got = append(got, drgnObject{Modules: names})
	t.Logf("%d objects and %d modules", len(objects), len(modules))
	different := 0
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) {
			t.Fatalf("%d objects, drgn reads %d", len(got)-1, len(want)-1)
		}
		if diff := cmp.Diff(want[i], got[i]); diff != "" {
			if different++; different > 5 {
				t.Fatal("and more")
			}
			t.Errorf("(-drgn +got)\n%s", diff)
		}
	}
	if backtraces := countFrames(objects); backtraces == 0 || len(objects) < 1000 {
		t.Errorf("%d frames of %d objects are compared", backtraces, len(objects))
	}
}

func countFrames(objects []Object) (n int) {
	for _, o := range objects {
		n += len(o.Stack)
	}
	return n
}
