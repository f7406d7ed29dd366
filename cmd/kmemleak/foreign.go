// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import "regexp"

// foreigners are inputs that have no report and can have none, by how they begin, and
// what to do with them. Of what this program itself writes, some is for people and other
// programs only.
var foreigners = []struct {
	start *regexp.Regexp
	what  string
}{
	{regexp.MustCompile(`^(\S+: )?\d+ leaks?, \d+ bytes in all|^\d+ new, \d+ gone`), "it is what this program writes for people; it reads again what it writes with -format json"},
	{regexp.MustCompile(`^(<\?xml|KTAP version|# (HELP|TYPE) kmemleak)`), "it is what this program writes for others; it reads again what it writes with -format json"},
	{regexp.MustCompile(`^\s*(\{\s*"version":\s*\d+,\s*"release"|\[\s*\{\s*"name")`), "it is a snapshot of modules: give it with -snapshot, and a report"},
	{regexp.MustCompile(`^kmemleak\d+:`), "it is a cursor: find -since takes it"},
	{regexp.MustCompile(`^\x7fELF`), "it is an object file, for -dir, or a memory dump, for report -core"},
	{regexp.MustCompile(`^(KDUMP|makedumpfile)`), "it is a memory dump, for report -core"},
	{regexp.MustCompile(`^(\x04"M\x18|LZIP|PK\x03\x04|7z\xbc\xaf|\x89LZO|\x5d\x00\x00)`), "it is packed in a way that is not read here: unpack it"},
	{regexp.MustCompile(`[\x00-\x08]`), "it is no text"}, // such as a profile
}

// foreign returns what to do with an input that begins so, "" if it may be a report or
// a log.
func foreign(start []byte) string {
	// A regular expression takes bytes for characters, so those that are none are masked.
	text := make([]rune, len(start))
	for i, b := range start {
		text[i] = rune(b)
	}
	for _, f := range foreigners {
		if f.start.MatchString(string(text)) {
			return f.what
		}
	}
	return ""
}
