// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak/leakfmt"
)

// leaksText returns what a search without leaks writes for people.
func leaksText(t *testing.T, o *leakfmt.Options) string {
	t.Helper()
	var b strings.Builder
	if err := leakfmt.Text(&b, nil, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestForeign reads again what this program writes: either it takes that, or it says what
// to do instead, whatever -empty means.
func TestForeign(t *testing.T) {
	text := readFileText(t, report)
	written := func(args ...string) string {
		got := runWith(t, text, append(args, report)...)
		if got.Status != 1 {
			t.Fatalf("%q: %+v", args, got)
		}
		return got.Out
	}
	const people, others = "this program writes for people", "this program writes for others"
	for _, tt := range []struct{ name, input, err string }{
		{"json", written("symbolize", "-format", "json"), ""},
		{"mail", written("explain", "-format", "mail", "-leak", "0xffff95ff00a5ac00"), ""},
		{"text", written("symbolize"), people},
		{"explain", written("explain"), people},
		{"diff", "1 new, 0 gone\n" + written("symbolize"), people},
		{"watch", "2026-11-30T10:00:00Z: " + written("symbolize"), people},
		{"junit", written("symbolize", "-format", "junit"), others},
		{"ktap", written("symbolize", "-format", "ktap"), others},
		{"openmetrics", written("symbolize", "-format", "openmetrics"), others},
		{"pprof", written("symbolize", "-format", "pprof"), "no text"},
		{"snapshot", `{"version":1,"release":"6.12.1","modules":[]}`, "-snapshot"},
		{"a list of modules", readFileText(t, modules), "-snapshot"},
		{"cursor", "kmemleak1:3c0f:4295012345:", "find -since"},
		{"module", readFileText(t, helloDir+"/hello-kernel.ko"), "-dir"},
		{"dump", "KDUMP   ", "report -core"},
		{"lz4", "\x04\x22\x4d\x18 ", "unpack it"},
		{"7z", "7z\xbc\xaf\x27\x1c", "unpack it"},
		{"no leaks", "no leaks\n", ""},
		{"a log", "[ 1.0] random: crng init done\n", ""},
		{"not sure", leaksText(t, &leakfmt.Options{Doubts: []error{errors.New("why")}}), people},
		{"could not look", leaksText(t, &leakfmt.Options{Err: errors.New("why")}), people},
	} {
		got := runWith(t, tt.input, "symbolize", "-empty")
		if tt.err == "" {
			if got.Status == 2 {
				t.Errorf("%s: %+v", tt.name, got)
			}
			continue
		}
		if got.Status != 2 || got.Out != "" || !strings.Contains(got.Err, "no kmemleak report found: ") || !strings.Contains(got.Err, tt.err) {
			t.Errorf("%s: %+v, want an error with %q", tt.name, got, tt.err)
		}
	}
}
