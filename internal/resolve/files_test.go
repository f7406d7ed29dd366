// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuildID(t *testing.T) {
	// Sizes of name and content, type NT_GNU_BUILD_ID, name, content (elf(5)).
	note := binary.NativeEndian.AppendUint32(nil, 4)
	note = binary.NativeEndian.AppendUint32(note, 2)
	note = binary.NativeEndian.AppendUint32(note, 3)
	note = append(note, "GNU\x00\xab\xcd\x00\x00"...)
	got := []string{BuildID(note), BuildID(note[:8]), BuildID(nil)}
	if diff := cmp.Diff([]string{"abcd", "", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
