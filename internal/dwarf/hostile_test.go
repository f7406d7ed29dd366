// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

// TestSharedParts looks up addresses in files in which everything points to one long
// thing. That would take hours if it were read once for each entry.
func TestSharedParts(t *testing.T) {
	const many = 1 << 16
	noEnd := bytes.Repeat(bytesOf(u64(1), u64(1)), many)
	var manyFuncs, manyInlined, manyUnits, manyBare []byte
	start := uint32(headerSize + len(unitEntry()))
	for range many {
		manyFuncs = append(manyFuncs, bytesOf(abRanges, "r", u32(0))...)
		manyInlined = append(manyInlined, bytesOf(abRangedCall, u32(start), u32(0))...)
		manyUnits = append(manyUnits, unit4(200)...)
		manyBare = append(manyBare, unit4(abLines, u32(0))...)
	}
	longAbbrevs := abbreviations()
	longAbbrevs = longAbbrevs[:len(longAbbrevs)-1]
	for range many {
		longAbbrevs = append(longAbbrevs, bytesOf(100, tagSubprogram, 0, 0, 0)...)
	}
	longLines := []any{address(0x20000)}
	for range many {
		longLines = append(longLines, advance(1, 1))
	}
	for name, debug := range map[string]map[string][]byte{
		"range list of many functions": {"abbrev": abbreviations(), "info": unit4(unitEntry(), manyFuncs, 0), "ranges": noEnd},
		"range list of many inlined calls": {
			"abbrev": abbreviations(), "ranges": noEnd,
			"info": unit4(unitEntry(), abNamed, "i", abFunc, "f", u64(0x10000), u32(4), manyInlined, 0, 0),
		},
		"abbreviations of many units": {"abbrev": append(longAbbrevs, 0), "info": manyUnits},
		"line program of many units":  {"abbrev": abbreviations(), "info": manyBare, "line": lineUnit4(1, 1, append(longLines, end())...)},
	} {
		t.Run(name, func(t *testing.T) {
			d := linked(t, debug)
			size := 0
			for _, b := range debug {
				size += len(b)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			checkAnswers(t, d, 0x10000)
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("took %v", took)
			}
			runtime.ReadMemStats(&after)
			// This counts all allocations ever made; the race detector makes pools forget.
			if got := after.TotalAlloc - before.TotalAlloc; got > 128*uint64(size) {
				t.Errorf("%d bytes allocated for a file of %d", got, size)
			}
		})
	}
}
