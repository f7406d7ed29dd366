// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// items counts what text has of a report beyond doubt: frames with an address or with
// offset and size, and the other lines of a record, headers included. What a sentence
// mentions does not count.
func items(text []byte) (frames, lines int) {
	for i, end := 0, 0; i < len(text); {
		n := bytes.IndexAny(text[i:], "[+")
		if n < 0 {
			break
		}
		i += n
		s := logtext.Scan{Rest: text[i:]}
		if s.Lit("[<") {
			if _, digits, ok := s.Hex(); ok && digits >= 8 && s.Lit(">]") && len(logtext.TrimLeft(s.Rest)) > 0 {
				frames++
				end = len(text) - len(s.Rest)
				i = end
				continue
			}
		} else if s.Lit("+0x") {
			if _, _, ok := s.Hex(); ok && s.Lit("/0x") {
				if _, _, ok := s.Hex(); ok {
					name := max(end, bytes.LastIndexAny(text[:i], " \t[]<>(")+1)
					before := logtext.Trim(text[end:name])
					if name < i && (end == 0 || len(bytes.Trim(before, "? (")) > 0) && (frames > 0 || bytes.IndexByte(before, ' ') < 0) && !(frames == 0 && isProse(logtext.TrimLeft(s.Rest))) {
						frames++
					}
					end = len(text) - len(s.Rest)
					i = end
					continue
				}
			}
		}
		i++
	}
	if i := bytes.Index(text, []byte(", jiffies")); i > 0 && bytes.Contains(text[:i], []byte("pid ")) {
		lines++
	}
	if i := bytes.Index(text, []byte(anchor)); i >= 0 && i <= 1 {
		s := logtext.Scan{Rest: text[i+len(anchor):]}
		if s.Word("(percpu)"); s.Word("0x") {
			lines++
		}
	}
	if isHexRow(text) || bytes.HasPrefix(text, []byte("hex dump (first ")) || bytes.HasPrefix(text, []byte("backtrace (crc ")) {
		lines++
	}
	return frames, lines
}

// announces reports whether a line begins what the kernel prints with frames of its
// own.
func announces(b []byte) bool {
	for _, s := range otherStacks {
		if bytes.Contains(b, s) {
			return true
		}
	}
	return false
}

var otherStacks = func() (all [][]byte) {
	for _, s := range []string{
		"all Trace:", "all trace:", "RIP:", "Workqueue:", "Hardware name:", "locks held", "lock held", "lock at:", "lock (at ", "llocated by task",
		"reed by task", "stack backtrace:", "BUG: KASAN", "WARNING: ", "cut here ]", "softirqs last", "hardirqs last", "Backtrace:", "pc :", "PC is at", "Stack:",
	} {
		all = append(all, []byte(s))
	}
	return all
}()
