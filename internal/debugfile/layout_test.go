// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// found is the result of a search, by paths below the root.
type found struct {
	File  string   // with the code
	Debug string   // the attached debug file, "" if there is none
	Lacks bool     // there is no debugging information
	Walks []string // folders that were walked through
}

// TestLayouts plants the folders of distributions and developers.
func TestLayouts(t *testing.T) {
	const (
		modules = "lib/modules/REL/"
		debug   = "usr/lib/debug/"
		dir     = "kernel/drivers/misc/"
		dep     = "=kernel/lib/crc.ko:\nkernel/drivers/misc/hello-kernel.ko: kernel/lib/crc.ko\n"
	)
	packed := func(suffix string) string { return strings.ReplaceAll(dep, ".ko", ".ko"+suffix) }
	id := idOf(t, "module")
	tests := []struct {
		name   string
		tree   map[string]string
		module string
		want   found
	}{
		{"Debian", map[string]string{
			modules + "modules.dep":                              dep,
			modules + dir + "hello-kernel.ko":                    "module.code",
			debug + "lib/modules/REL/" + dir + "hello-kernel.ko": "module",
		}, "hello_kernel", found{File: debug + "lib/modules/REL/" + dir + "hello-kernel.ko"}},
		{"Debian, packed", map[string]string{
			modules + "modules.dep":                              packed(".xz"),
			modules + dir + "hello-kernel.ko.xz":                 "module.code.xz",
			debug + "lib/modules/REL/" + dir + "hello-kernel.ko": "module",
		}, "hello_kernel", found{File: debug + "lib/modules/REL/" + dir + "hello-kernel.ko"}},
		{"Debian, debug package alone", map[string]string{
			debug + "lib/modules/REL/" + dir + "hello-kernel.ko": "module",
		}, "hello_kernel", found{File: debug + "lib/modules/REL/" + dir + "hello-kernel.ko", Walks: []string{debug + "lib/modules/REL"}}},
		{"Debian without debug package", map[string]string{
			modules + "modules.dep":              packed(".xz"),
			modules + dir + "hello-kernel.ko.xz": "module.code.xz",
		}, "hello_kernel", found{File: modules + dir + "hello-kernel.ko.xz", Lacks: true}},
		{"Ubuntu, debug link", map[string]string{
			modules + "modules.dep":                              packed(".zst"),
			modules + dir + "hello-kernel.ko.zst":                "module.code.zst",
			debug + "lib/modules/REL/" + dir + "hello-kernel.ko": "module",
		}, "hello_kernel", found{File: debug + "lib/modules/REL/" + dir + "hello-kernel.ko"}},
		{"Fedora", map[string]string{
			modules + "modules.dep":                                    packed(".xz"),
			modules + dir + "hello-kernel.ko.xz":                       "module.code.xz",
			debug + "lib/modules/REL/" + dir + "hello-kernel.ko.debug": "module.debug",
		}, "hello_kernel", found{File: modules + dir + "hello-kernel.ko.xz", Debug: debug + "lib/modules/REL/" + dir + "hello-kernel.ko.debug"}},
		{"Fedora, unique names", map[string]string{
			modules + "modules.dep":           dep,
			modules + dir + "hello-kernel.ko": "module.code",
			debug + "lib/modules/REL/" + dir + "hello-kernel.ko-6.12.117-1.x86_64.debug": "module.debug",
		}, "hello_kernel", found{File: modules + dir + "hello-kernel.ko", Debug: debug + "lib/modules/REL/" + dir + "hello-kernel.ko-6.12.117-1.x86_64.debug"}},
		{"Fedora, debug package alone", map[string]string{
			debug + "lib/modules/REL/" + dir + "hello-kernel.ko.debug": "module.debug",
		}, "hello_kernel", found{File: debug + "lib/modules/REL/" + dir + "hello-kernel.ko.debug", Walks: []string{modules[:len(modules)-1], debug + "lib/modules/REL", debug + "usr/lib/modules/REL"}}},
		{"SUSE", map[string]string{
			"lib":                            "->usr/lib",
			"usr/" + modules + "modules.dep": packed(".zst"),
			"usr/" + modules + dir + "hello-kernel.ko.zst":                 "module.code.zst",
			debug + "usr/lib/modules/REL/" + dir + "hello-kernel.ko.debug": "module.debug",
		}, "hello_kernel", found{File: modules + dir + "hello-kernel.ko.zst", Debug: debug + "usr/lib/modules/REL/" + dir + "hello-kernel.ko.debug"}},
		{"by the build ID of the stripped file", map[string]string{
			modules + "modules.dep":                        dep,
			modules + dir + "hello-kernel.ko":              "module.code",
			debug + ".build-id/" + byIDPath(id) + ".debug": "->../../some/where",
			debug + "some/where":                           "module.debug",
		}, "hello_kernel", found{File: modules + dir + "hello-kernel.ko", Debug: debug + ".build-id/" + byIDPath(id) + ".debug"}},
		{"DKMS", map[string]string{
			modules + "modules.dep":                     "=updates/dkms/hello-kernel.ko.xz:\n",
			modules + "updates/dkms/hello-kernel.ko.xz": "module.xz",
			modules + dir + "hello-kernel.ko.xz":        "module.code.xz",
		}, "hello_kernel", found{File: modules + "updates/dkms/hello-kernel.ko.xz"}},
		{"extra, debug link beside", map[string]string{
			modules + "modules.dep":           "=extra/hello-kernel.ko:\n",
			modules + "extra/hello-kernel.ko": "module.code",
			modules + "extra/module.debug":    "module.debug",
		}, "hello_kernel", found{File: modules + "extra/hello-kernel.ko", Debug: modules + "extra/module.debug"}},
		{"debug link in .debug", map[string]string{
			modules + "modules.dep":               "=extra/hello-kernel.ko:\n",
			modules + "extra/hello-kernel.ko":     "module.code",
			modules + "extra/.debug/module.debug": "module.debug",
		}, "hello_kernel", found{File: modules + "extra/hello-kernel.ko", Debug: modules + "extra/.debug/module.debug"}},
		{"debug link below /usr/lib/debug", map[string]string{
			modules + "modules.dep":                      "=extra/hello-kernel.ko:\n",
			modules + "extra/hello-kernel.ko":            "module.code",
			debug + "lib/modules/REL/extra/module.debug": "module.debug",
		}, "hello_kernel", found{File: modules + "extra/hello-kernel.ko", Debug: debug + "lib/modules/REL/extra/module.debug"}},
		{"debug link without build ID", map[string]string{
			modules + "modules.dep":           "=extra/hello-kernel.ko:\n",
			modules + "extra/hello-kernel.ko": "noid.code",
			modules + "extra/noid.debug":      "noid.debug",
		}, "hello_kernel", found{File: modules + "extra/hello-kernel.ko", Debug: modules + "extra/noid.debug"}},
		{"weak-updates", map[string]string{
			modules + "modules.dep":                               "=weak-updates/hello-kernel.ko:\n",
			modules + "weak-updates/hello-kernel.ko":              "->../../1.0/extra/hello-kernel.ko",
			"lib/modules/1.0/extra/hello-kernel.ko":               "module.code",
			debug + "lib/modules/1.0/extra/hello-kernel.ko.debug": "module.debug",
		}, "hello_kernel", found{File: modules + "weak-updates/hello-kernel.ko", Debug: debug + "lib/modules/1.0/extra/hello-kernel.ko.debug"}},
		{"modules.dep of an old depmod", map[string]string{
			modules + "modules.dep":           "=/lib/modules/REL/extra/hello-kernel.ko:\n",
			modules + "extra/hello-kernel.ko": "module",
		}, "hello_kernel", found{File: modules + "extra/hello-kernel.ko"}},
		{"not in modules.dep", map[string]string{
			modules + "modules.dep":           "=kernel/lib/crc.ko:\n",
			modules + "extra/hello_kernel.ko": "module",
		}, "hello_kernel", found{File: modules + "extra/hello_kernel.ko", Walks: []string{"lib/modules/REL", debug + "lib/modules/REL", debug + "usr/lib/modules/REL"}}},
		{"modules.dep of what is gone", map[string]string{
			modules + "modules.dep":           dep,
			modules + "extra/hello_kernel.ko": "module",
		}, "hello_kernel", found{File: modules + "extra/hello_kernel.ko", Walks: []string{"lib/modules/REL", debug + "lib/modules/REL", debug + "usr/lib/modules/REL"}}},
		{"dashes in any mix", map[string]string{
			modules + "modules.dep":            "=extra/hello_ker-nel.ko:\n",
			modules + "extra/hello_ker-nel.ko": "module",
		}, "hello-ker_nel", found{File: modules + "extra/hello_ker-nel.ko"}},
		{"build tree", map[string]string{
			modules + "modules.dep":                   dep,
			modules + dir + "hello-kernel.ko":         "module.code",
			modules + "build":                         "->../../../home/linux",
			"home/linux/drivers/misc/hello-kernel.ko": "module",
		}, "hello_kernel", found{File: modules + "build/drivers/misc/hello-kernel.ko"}},
		{"links in circles", map[string]string{
			modules + "build":             "->build",
			modules + "kernel/a":          "->../kernel",
			modules + "kernel/hello.ko":   "->hello.ko",
			debug + "lib/modules/REL":     "->../../lib/modules/REL",
			modules + "x/hello-kernel.ko": "module",
		}, "hello_kernel", found{File: modules + "x/hello-kernel.ko", Walks: []string{"lib/modules/REL", debug + "lib/modules/REL", debug + "usr/lib/modules/REL"}}},

		{"Debian's image", map[string]string{debug + "boot/vmlinux-REL": "vmlinux"}, "", found{File: debug + "boot/vmlinux-REL"}},
		{"Debian's link to it", map[string]string{debug + "boot/x": "vmlinux", debug + "lib/modules/REL/vmlinux": "->../../../boot/x"}, "",
			found{File: debug + "lib/modules/REL/vmlinux"}},
		{"Fedora's image", map[string]string{debug + "lib/modules/REL/vmlinux": "vmlinux"}, "", found{File: debug + "lib/modules/REL/vmlinux"}},
		{"image of derived systems", map[string]string{debug + "usr/lib/modules/REL/vmlinux": "vmlinux"}, "", found{File: debug + "usr/lib/modules/REL/vmlinux"}},
		{"image in the debug folder", map[string]string{debug + "vmlinux-REL": "vmlinux"}, "", found{File: debug + "vmlinux-REL"}},
		{"image beside modules", map[string]string{modules + "vmlinux": "vmlinux"}, "", found{File: modules + "vmlinux"}},
		{"image in the build tree", map[string]string{modules + "build/vmlinux": "vmlinux"}, "", found{File: modules + "build/vmlinux"}},
		{"image in /boot", map[string]string{"boot/vmlinux-REL": "vmlinux"}, "", found{File: "boot/vmlinux-REL"}},
		{"SUSE's images", map[string]string{"boot/vmlinux-REL.xz": "vmlinux.code.xz", debug + "boot/vmlinux-REL.debug": "vmlinux.debug"}, "",
			found{File: "boot/vmlinux-REL.xz", Debug: debug + "boot/vmlinux-REL.debug"}},
		{"SUSE's images, later", map[string]string{modules + "vmlinux.zst": "vmlinux.code.zst", debug + "usr/lib/modules/REL/vmlinux.debug": "vmlinux.debug"}, "",
			found{File: modules + "vmlinux.zst", Debug: debug + "usr/lib/modules/REL/vmlinux.debug"}},
		{"image by build ID", map[string]string{"boot/vmlinux-REL.gz": "vmlinux.code.gz", debug + ".build-id/" + byIDPath(idOf(t, "vmlinux")) + ".debug": "vmlinux.debug"}, "",
			found{File: "boot/vmlinux-REL.gz", Debug: debug + ".build-id/" + byIDPath(idOf(t, "vmlinux")) + ".debug"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := plant(t, tt.tree)
			f := &Finder{Root: root, Release: release}
			o, err := f.Open(t.Context(), tt.module, "", true)
			if err != nil {
				t.Fatal(err)
			}
			defer o.File.Close()
			got := found{File: relative(t, root, o.File.Name), Lacks: o.Lacks != nil, Walks: walked(f, root)}
			if d := o.File.DebugFile(); d != o.File {
				got.Debug = relative(t, root, d.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if o.File.HasDebug() == got.Lacks || o.Stale != nil {
				t.Errorf("lacks %v, stale %v", o.Lacks, o.Stale)
			}
		})
	}
}

// TestByWantedID finds files by a given build ID, in the standard place and in folders
// of the user.
func TestByWantedID(t *testing.T) {
	id := idOf(t, "module")
	links := map[string]string{
		"usr/lib/debug/.build-id/" + byIDPath(id) + ".debug": "module.debug",
		"usr/lib/.build-id/" + byIDPath(id):                  "->../../../../extra/hello-kernel.ko",
		"extra/hello-kernel.ko":                              "module.code",
	}
	root := plant(t, links)
	for name, f := range map[string]*Finder{
		"standard": {Root: root, Release: release},
		"user's":   {Root: root, Release: release, Dirs: []string{filepath.Join(root, "usr/lib/debug")}},
	} {
		o, err := f.Open(t.Context(), "hello-kernel", strings.ToUpper(id), false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer o.File.Close()
		got := found{File: relative(t, root, o.File.Name), Debug: relative(t, root, o.File.DebugFile().Name), Lacks: o.Lacks != nil}
		want := found{File: "usr/lib/.build-id/" + byIDPath(id), Debug: "usr/lib/debug/.build-id/" + byIDPath(id) + ".debug"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
