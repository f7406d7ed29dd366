// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kmemleak/kmemleak/internal/need"
)

const smallModule = "../../testdata/modules/hello_kernel/6.12-x86_64/hello-kernel.ko"

// TestForget has a module with a large section, which is read from a mapping of its own.
// Forget releases the pages of that, and of nothing else.
func TestForget(t *testing.T) {
	need.Tools(t, "binutils", "objcopy")
	dir := t.TempDir()
	large := bytes.Repeat([]byte("kmemleak"), 2*apartFrom/8)
	bin, path := filepath.Join(dir, "large.bin"), filepath.Join(dir, "large.ko")
	if err := os.WriteFile(bin, large, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("objcopy", "--add-section", ".large="+bin, smallModule, path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, s := range f.Sections() {
		b, err := f.Contents(&s)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			continue
		}
		from := f.raw
		if s.Name == ".large" {
			from = f.apart
		}
		if &b[0] != &from[s.Offset] {
			t.Errorf("section %s of %d bytes is in the wrong mapping", s.Name, s.Size)
		}
	}
	const room = apartFrom / 2
	before := mapped()
	for range 2 {
		if b, err := f.Contents(f.Section(".large")); err != nil || !bytes.Equal(b, large) {
			t.Fatalf("%d bytes of the large section, %v", len(b), err)
		}
		if grown := mapped() - before; grown < 2*apartFrom-room {
			t.Errorf("reading %d bytes mapped %d", len(large), grown)
		}
		f.ForgetOver(1 << 40)
		if grown := mapped() - before; grown < 2*apartFrom-room {
			t.Errorf("%d are mapped where that is allowed", grown)
		}
		f.Forget()
		if grown := mapped() - before; grown > room {
			t.Errorf("%d bytes are still mapped", grown)
		}
	}
}

// TestForgetSmall has files without large sections, or that are not mapped at all.
func TestForgetSmall(t *testing.T) {
	f, err := Open(smallModule)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Forget()
	f.ForgetOver(0)
	if f.apart != nil {
		t.Errorf("%d bytes are mapped apart", len(f.apart))
	}
}
