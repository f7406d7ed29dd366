// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
)

// TestMemoryCommands reads the dump that make integration made, whose kernel had reported 40
// objects of the module leaky, and lists of the module held.
func TestMemoryCommands(t *testing.T) {
	folder := need.Memory(t)
	name := filepath.Join(folder, "report")
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	leaks, err := kmemleak.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	var leaky kmemleak.Group
	for _, g := range kmemleak.Groups(leaks) {
		if strings.HasPrefix(g.Example.Comm, "leaky") {
			leaky = g
		}
	}
	const one = `in this memory, object 0x[0-9a-f]+ \(size 64\), allocated by lose_one, comm "leaky", pid \d+
  it is reported as a leak
  the leaked structure begins with object 0x[0-9a-f]+ of 64 bytes, with 1 objects and 64 bytes in all
`
	const list = `  the leaked structure begins with object 0x[0-9a-f]+ of 32 bytes, in a ring of 1001, with 1001 objects and 64032 bytes in all
`
	modules := "../../testdata/modules/"
	kernel := os.Getenv("KMEMLEAK_KERNEL")
	core := []string{"-core", filepath.Join(folder, "core"), "-vmlinux", filepath.Join(os.Getenv("KMEMLEAK_IMAGE"), "vmlinux"),
		"-dir", modules + "held/" + kernel, "-dir", modules + "leaky/" + kernel}
	for _, tt := range []struct {
		name string
		args []string // before those of the dump, and behind them
		more []string
		want string
	}{
		{"explain the dump", []string{"explain"}, nil, one},
		{"explain a list in the dump", []string{"explain"}, nil, list},
		{"explain a report", []string{"explain"}, []string{name}, one},
		{"explain one of a report", []string{"explain", "-leak", leaky.Fingerprint}, []string{name}, one},
		{"refs of a fingerprint", []string{"refs"}, []string{leaky.Fingerprint}, `(?s)(object 0x[0-9a-f]+ \(size 64\), allocated by lose_one.*){40}`},
	} {
		var out, said bytes.Buffer
		args := append(append(tt.args, core...), tt.more...)
		status := run(t.Context(), args, stdio{in: strings.NewReader(""), out: &out, err: &said})
		if want := map[bool]int{true: statusLeaks, false: statusNone}[tt.args[0] == "explain"]; status != want || said.Len() > 0 {
			t.Errorf("%s: status %d, %s", tt.name, status, &said)
		}
		if !regexp.MustCompile(tt.want).Match(out.Bytes()) {
			t.Errorf("%s: nothing like %s in\n%s", tt.name, tt.want, &out)
		}
	}
}
