// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

// The file that the help shows is one.
func TestSuppressionsText(t *testing.T) {
	_, text, _ := strings.Cut(suppressionsText, "\n\n")
	text, _, _ = strings.Cut(text, "\n\n")
	list, err := kmemleak.ParseSuppressions(strings.NewReader(text))
	if err != nil || len(list) != 1 || len(list[0].Frames) != 3 || list[0].Module == "" || list[0].Comm == "" || list[0].Expires.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestSuppress(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known")
	if err := os.WriteFile(file, []byte(`leak: known by its real name
	frame: myfunc
leak: no longer so
	module: hello_kernel
	expires: 2001-01-31
leak: was repaired
	frame: gone
`), 0o666); err != nil {
		t.Fatal(err)
	}
	text := readFileText(t, report)
	all := runWith(t, text, "symbolize", "-release", "0", "-dir", helloDir, "-snapshot", modules, "-format", "json")
	for _, tt := range []struct {
		args  []string
		stdin string
		err   string
	}{
		{[]string{"symbolize", "-format", "json"}, text, ""},
		{[]string{"diff", "-format", "json", "-empty", os.DevNull, "-"}, text, ""},
		{[]string{"symbolize", "-format", "json"}, all.Out + `{"error":"find: could not look"}` + "\n", "incomplete"},
	} {
		args := append([]string{tt.args[0], "-suppress", file, "-release", "0", "-dir", helloDir, "-snapshot", modules}, tt.args[1:]...)
		got := runWith(t, tt.stdin, args...)
		if strings.Contains(got.Out, `"owner":{"func":"myfunc"`) || !strings.Contains(got.Out, `"owner":{"func":"greet"`) || !strings.Contains(all.Out, `"owner":{"func":"myfunc"`) {
			t.Errorf("%v: %s", args, got.Out)
		}
		name := strings.ReplaceAll(got.Err, file, "known")
		want := "kmemleak " + tt.args[0] + ": suppressed by known: 3\n" +
			"kmemleak " + tt.args[0] + ": known:3: expired at 2001-02-01 00:00 UTC, and matches 8 leaks: no longer so\n"
		if tt.err == "" {
			want += "kmemleak " + tt.args[0] + ": known:6: matches nothing: was repaired\n"
		} else {
			name = strings.Join(strings.SplitAfter(strings.ReplaceAll(got.Err, file, "known"), "\n")[:2], "")
		}
		if diff := cmp.Diff(want, name); diff != "" {
			t.Errorf("%v (-want +got):\n%s", args, diff)
		}
	}
	for _, command := range []string{"find", "scan", "report", "watch", "symbolize", "explain"} {
		got := runWith(t, "", command, "-suppress", "missing")
		if got.Status != statusError || !strings.HasPrefix(got.Err, "kmemleak "+command+": open missing: ") {
			t.Errorf("%s: %+v", command, got)
		}
	}
}
