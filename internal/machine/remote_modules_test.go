// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestModulesFS(t *testing.T) {
	got := make(map[string]string)
	for name, file := range modulesFS("proc/modules:leaky 16384 0 - Live 0xffffffffc0000000 (O)\n" +
		"leaky/sections/.text:0xffffffffc0000000\n" +
		"leaky/sections/.init.text:0xffffffffc0004000\n" +
		"leaky/notes/.note.gnu.build-id:04 00 00 00 14\n" +
		"other/notes/.note.gnu.build-id:sh: od: not found\n" +
		"proc/modules:other 1 0 - Live 0x0\n" +
		"no line of it\n") {
		got[name] = file
	}
	if diff := cmp.Diff(map[string]string{
		"proc/modules":                              "leaky 16384 0 - Live 0xffffffffc0000000 (O)\nother 1 0 - Live 0x0\n",
		"sys/module/leaky/sections/.text":           "0xffffffffc0000000\n",
		"sys/module/leaky/sections/.init.text":      "0xffffffffc0004000\n",
		"sys/module/leaky/notes/.note.gnu.build-id": "\x04\x00\x00\x00\x14",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
