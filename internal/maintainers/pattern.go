// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package maintainers

import (
	"errors"
	"strings"
)

// A pattern is a line F, X or N. To get_maintainer.pl, those of files are regular
// expressions in which dots, stars and question marks are written as for a shell, and
// which the beginning of a path has to match.
type pattern struct {
	kind    byte
	depth   int     // ranks matches: slashes, and one more for a file; -1 for one that begins with a star
	slashes int     // that the path must have, -1 for any
	literal string  // beginning of the paths
	find    matcher // nil if literal is all of it
}

// A matcher is a regular expression.
type matcher interface{ MatchString(path string) bool }

// compile makes a matcher. It is nil in programs for initramfs.
var compile func(expr string) (matcher, error)

const maxPattern = 1000

var errPattern = errors.New("no pattern")

// globs turns a pattern of files into a regular expression.
var globs = strings.NewReplacer(".", `\.`, "**", "(?:.*)", "*", ".*", "?", ".")

func newPattern(kind byte, value string) (p pattern, err error) {
	if value == "" || len(value) > maxPattern {
		return p, errPattern
	}
	p = pattern{kind: kind, slashes: -1}
	if kind == 'N' {
		p.find, err = compile(unspaced(value))
		return p, err
	}
	slashes, folder := strings.Count(value, "/"), strings.HasSuffix(value, "/")
	if p.depth = slashes; !folder {
		p.depth++
	}
	if value[0] == '*' {
		p.depth = -1
	}
	if !folder && !strings.Contains(value, "**") {
		p.slashes = slashes
	}
	meta := strings.IndexAny(value, `*?[](){}|+\^$`)
	if meta < 0 {
		p.literal = value
		return p, nil
	}
	switch p.literal = value[:meta]; {
	case strings.Contains(value, "|"):
		p.literal = ""
	case strings.ContainsRune("*?[(", rune(value[meta])): // the character before is whole
	default:
		p.literal = value[:max(meta-1, 0)]
	}
	p.find, err = compile("^" + globs.Replace(value))
	return p, err
}

// unspaced removes blanks and comments, as Perl does for expressions with the flag x.
func unspaced(expr string) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\' && i+1 < len(expr):
			b.WriteByte(c)
			i++
			b.WriteByte(expr[i])
			continue
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == ' ' || c == '\t':
			continue
		case c == '#':
			return b.String()
		}
		b.WriteByte(expr[i])
	}
	return b.String()
}

// match reports whether a pattern has a path.
func (p *pattern) match(path string) bool {
	if !strings.HasPrefix(path, p.literal) {
		return false
	}
	if p.find != nil && !p.find.MatchString(path) {
		return false
	}
	if p.slashes < 0 || strings.Count(path, "/") == p.slashes {
		return true
	}
	// A folder without a slash at its end: there is something below it.
	return p.find == nil && strings.HasPrefix(path[len(p.literal):], "/") && !strings.Contains(p.literal, ".")
}
