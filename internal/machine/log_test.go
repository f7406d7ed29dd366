// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLogRecord(t *testing.T) {
	type result struct {
		LogRecord
		OK bool
	}
	for input, want := range map[string]result{
		"":                                    {},
		"6,1,1,-":                             {},
		"6,1,1,-;text\n":                      {LogRecord{Text: "text"}, true},
		"6,1,1,-,caller=T9;a;b\n KEY=value\n": {LogRecord{Caller: "T9", Text: "a;b"}, true},
		`6,1,1,c;x\x0a\x5cx41\x4`:             {LogRecord{Text: "x\n\\x41\\x4"}, true},
		`6,1,1,-;\xzz`:                        {LogRecord{Text: `\xzz`}, true},
	} {
		var got result
		got.LogRecord, got.OK = ParseLogRecord(input)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", input, diff)
		}
	}
}

func TestObituary(t *testing.T) {
	records := []LogRecord{
		{Text: "kmemleak: Kernel memory leak detector initialized"},
		{Text: "usb: Cannot allocate a kmemleak_object structure"},
		{Text: "kmemleak: Memory pool empty, consider increasing CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE"},
		{Text: "kmemleak: Cannot allocate a kmemleak_object structure"},
		{Text: "kmemleak: Kernel memory leak detector disabled"},
	}
	want := []string{
		"Memory pool empty, consider increasing CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE",
		"Cannot allocate a kmemleak_object structure",
	}
	if diff := cmp.Diff(want, obituary(records)); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if got := obituary(nil); got != nil {
		t.Errorf("%q of an empty log", got)
	}
}
