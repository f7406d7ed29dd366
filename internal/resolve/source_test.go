// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/need"
)

func TestShowPath(t *testing.T) {
	tree := t.TempDir()
	mkfile := func(name string) string {
		t.Helper()
		p := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	pci := mkfile("linux/drivers/nvme/host/pci.c")
	slab := mkfile("linux/include/linux/slab.h")
	module := mkfile("out/of/tree.c")
	// A link to a folder makes "link/.." another folder than the one it is in.
	mkfile("elsewhere/deep/x.c")
	beside := mkfile("elsewhere/beside.c")
	if err := os.Symlink(filepath.Join(tree, "elsewhere/deep"), filepath.Join(tree, "link")); err != nil {
		need.Skip(t, "links cannot be made here (try: on Linux): %v", err)
	}
	mkfile("obj/keep")

	type paths struct{ Raw, Show string }
	tests := []struct {
		name    string
		file    dwarf.File
		maps    []PathPrefix
		sources []string
		want    paths
	}{
		{
			name: "nothing",
		},
		{
			name: "gone",
			file: dwarf.File{CompDir: "/gone/linux", Dir: "drivers/nvme/host", Name: "pci.c"},
			want: paths{"/gone/linux/drivers/nvme/host/pci.c", "/gone/linux/drivers/nvme/host/pci.c"},
		},
		{
			name: "gone, cleaned",
			file: dwarf.File{CompDir: "/gone/obj", Dir: "../linux/./include", Name: "a.h"},
			want: paths{"/gone/obj/../linux/./include/a.h", "/gone/linux/include/a.h"},
		},
		{
			name:    "gone, in a source tree",
			file:    dwarf.File{CompDir: "/gone/linux", Dir: "./include/linux", Name: "slab.h"},
			sources: []string{filepath.Join(tree, "nowhere"), filepath.Join(tree, "linux")},
			want:    paths{"/gone/linux/./include/linux/slab.h", slab},
		},
		{
			name: "relative compilation folder",
			file: dwarf.File{CompDir: "debian/build/build_amd64", Dir: "drivers/nvme/host", Name: "pci.c"},
			want: paths{"debian/build/build_amd64/drivers/nvme/host/pci.c", "drivers/nvme/host/pci.c"},
		},
		{
			name:    "relative compilation folder, in a source tree",
			file:    dwarf.File{CompDir: "debian/build/build_amd64", Dir: "drivers/nvme/host", Name: "pci.c"},
			sources: []string{filepath.Join(tree, "linux")},
			want:    paths{"debian/build/build_amd64/drivers/nvme/host/pci.c", pci},
		},
		{
			name: "relative compilation folder, unusual folder",
			file: dwarf.File{CompDir: "debian/build/build_amd64", Dir: "./ubuntu/driver", Name: "own.c"},
			want: paths{"debian/build/build_amd64/./ubuntu/driver/own.c", "ubuntu/driver/own.c"},
		},
		{
			name: "relative compilation folder with its name in front",
			file: dwarf.File{CompDir: "debian/build", Dir: "debian/build/include/generated", Name: "a.h"},
			want: paths{"debian/build/debian/build/include/generated/a.h", "include/generated/a.h"},
		},
		{
			name: "relative compilation folder, module elsewhere",
			file: dwarf.File{CompDir: "debian/build", Name: module},
			want: paths{module, module},
		},
		{
			name: "build beside the source",
			file: dwarf.File{CompDir: filepath.Join(tree, "obj"), Dir: "../linux/include/linux", Name: "slab.h"},
			want: paths{filepath.Join(tree, "obj") + "/../linux/include/linux/slab.h", slab},
		},
		{
			name: "module outside of the tree",
			file: dwarf.File{CompDir: filepath.Join(tree, "obj"), Name: module},
			want: paths{module, module},
		},
		{
			name: "through a link",
			file: dwarf.File{CompDir: tree, Dir: "link/..", Name: "beside.c"},
			want: paths{tree + "/link/../beside.c", tree + "/link/../beside.c"},
		},
		{
			name: "mapped",
			file: dwarf.File{CompDir: "/build/linux-6.1", Dir: "drivers/nvme/host", Name: "pci.c"},
			maps: []PathPrefix{{Old: "/build/linux", New: "/wrong"}, {Old: "/build/linux-6.1/", New: filepath.Join(tree, "linux")}},
			want: paths{"/build/linux-6.1/drivers/nvme/host/pci.c", pci},
		},
		{
			name: "mapped to nothing",
			file: dwarf.File{CompDir: "/build/linux-6.1", Name: "a.c"},
			maps: []PathPrefix{{Old: "/build/linux-6.1"}},
			want: paths{"/build/linux-6.1/a.c", "a.c"},
		},
		{
			name: "mapped to what is not there",
			file: dwarf.File{CompDir: "/build", Dir: "a/../b", Name: "c.c"},
			maps: []PathPrefix{{Old: "/build", New: "/home"}},
			want: paths{"/build/a/../b/c.c", "/home/b/c.c"},
		},
	}
	if _, err := os.Stat(beside); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sources{release: func() string { return "0.0.1" }, trees: tt.sources, prefixes: tt.maps}
			for range 2 { // the second time out of memory
				var got paths
				got.Raw, got.Show = s.paths(tt.file)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}
