// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"flag"
	"fmt"
	"strings"
)

// noCommand says that there is no command of a name, and which one may have been meant.
func noCommand(name string, names []string) string {
	return fmt.Sprintf("there is no command %q%s", name, didYouMean(name, names, ""))
}

// flagProblem returns the text of an error of flags, with the flag that may have been
// meant.
func flagProblem(err error, flags *flag.FlagSet) string {
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return err.Error()
	}
	var names []string
	flags.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return fmt.Sprintf("there is no flag -%s%s", name, didYouMean(name, names, "-"))
}

// synonyms are words of other programs for commands and flags of this one.
var synonyms = map[string]string{
	"show": "report", "list": "report", "cat": "report", "read": "report", "check": "find", "test": "find", "disable": "off",
	"autoscan": "auto", "cursor": "mark", "decode": "symbolize", "reset": "clear", "output": "o", "after": "since", "exit": "status", "host": "via", "ssh": "via",
	"vmlinux": "dir",
}

// didYouMean returns a question with the name that is next to a wrong one, or "".
func didYouMean(wrong string, names []string, dash string) string {
	wrong = strings.ToLower(strings.TrimLeft(wrong, "-"))
	best, least := "", 3 // more mistakes than that make another word
	for _, name := range names {
		n := distance(wrong, name)
		if len(wrong) > 1 && strings.HasPrefix(name, wrong) {
			n = 1
		}
		if synonyms[wrong] == name {
			n = 0
		}
		if n < least && n < max(len(name), len(wrong)) {
			best, least = name, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %s%s?", dash, best)
}

// distance counts the letters to insert, delete, replace or swap with the next one to make
// b of a.
func distance(a, b string) int {
	const longest = 32
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
