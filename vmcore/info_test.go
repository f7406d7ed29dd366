// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import "testing"

// TestInfoCopy changes what was returned: the image does not.
func TestInfoCopy(t *testing.T) {
	m, err := openBytes(t, fixture(t, "testdata/6.1-x86_64-qemu"))
	if err != nil {
		t.Fatal(err)
	}
	info := m.Info()
	if info.GOARCH != "amd64" || info.Live || info.Relocated || info.PageSize != smallestPage || info.Vmcoreinfo["OSRELEASE"] != info.Release {
		t.Errorf("%+v", info)
	}
	info.Vmcoreinfo["OSRELEASE"] = "other"
	if got := m.Info().Vmcoreinfo["OSRELEASE"]; got != info.Release {
		t.Errorf("%s, want %s", got, info.Release)
	}
}
