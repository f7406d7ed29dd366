// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"slices"
	"strings"
)

// foreign returns what to do with an input that has no report and, by how it begins, can
// have none; "" if it may be a report or a log. Of what this program itself writes, some is
// for people and other programs only.
func foreign(start []byte) string {
	text := string(start)
	begins := func(with ...string) bool {
		return slices.ContainsFunc(with, func(s string) bool { return strings.HasPrefix(text, s) })
	}
	switch {
	case forPeople(text):
		return "it is what this program writes for people; it reads again what it writes with -format json"
	case begins("<?xml", "KTAP version", "# HELP kmemleak", "# TYPE kmemleak"):
		return "it is what this program writes for others; it reads again what it writes with -format json"
	case isSnapshot(text):
		return "it is a snapshot of modules: give it with -snapshot, and a report"
	case begins("kmemleak1:"):
		return "it is a cursor: find -since takes it"
	case begins("\x7fELF"):
		return "it is an object file, for -dir, or a memory dump, for report -core"
	case begins("KDUMP", "makedumpfile"):
		return "it is a memory dump, for report -core"
	case begins("\x04\"M\x18", "LZIP", "PK\x03\x04", "7z\xbc\xaf", "\x89LZO", "\x5d\x00\x00"):
		return "it is packed in a way that is not read here: unpack it"
	case strings.ContainsAny(text, "\x00\x01\x02\x03\x04\x05\x06\x07\x08"): // such as a profile
		return "it is no text"
	}
	return ""
}

// forPeople reports whether a text begins as leaks, or their difference, that are written
// for people: "8 leaks, 512 bytes in all", behind a time where watch writes it. It may also
// tell that a search was not sure, or could not look, which means anything but no leaks.
func forPeople(text string) bool {
	if strings.HasPrefix(text, "could not look for leaks: ") || strings.HasPrefix(text, "no leaks found, but the search is not sure") {
		return true
	}
	words := strings.Fields(text)
	if len(words) > 0 && strings.HasSuffix(words[0], "Z:") {
		words = words[1:]
	}
	if len(words) < 4 || strings.Trim(words[0]+words[2], "0123456789") != "" {
		return false
	}
	return (words[1] == "leak," || words[1] == "leaks,") && words[3] == "bytes" || words[1] == "new," && words[3] == "gone"
}

// isSnapshot reports whether a text begins as a snapshot of modules in JSON, or as their
// list alone.
func isSnapshot(text string) bool {
	text = strings.Join(strings.Fields(text), "")
	version, ok := strings.CutPrefix(text, `{"version":`)
	return ok && strings.HasPrefix(strings.TrimLeft(version, "0123456789"), `,"release":`) || strings.HasPrefix(text, `[{"name":`)
}
