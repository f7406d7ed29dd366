// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/kmemleak/kmemleak"
)

const (
	maxSource     = 8 << 20 // bytes of a file that is read
	sourceContext = 2       // lines before and after
)

// source writes the lines around the place that asked for the memory.
func (p *printer) source(calls []kmemleak.Call) {
	owner := kmemleak.OwnerOf(calls)
	if owner.Pos == nil || fromText(owner.Call) {
		return
	}
	place := owner.Pos
	if place.File == "" || place.Line == 0 {
		return
	}
	lines, n, err := sourceLines(place.File, place.Line)
	if err != nil {
		return // it is not here, or must not be read
	}
	if n < place.Line {
		p.line(plain, "    source: not of what was compiled, for the file has %s", plural(n, "line"))
		return
	}
	p.marks["source"] = true
	p.line(plain, "    source:")
	first := max(place.Line-sourceContext, 1)
	for k, line := range lines {
		s, arrow := plain, " "
		if first+k == place.Line {
			s, arrow = yellow, "→"
		}
		p.line(s, "    %s %*d  %s", arrow, len(fmt.Sprint(first+len(lines)-1)), first+k, line)
	}
}

// sourceLines returns the lines around a line of a file, safe for a terminal, and the
// number of the last of them, which is less than line if the file is shorter.
func sourceLines(name string, line int) (lines []string, n int, err error) {
	// Opening anything else may block or do worse.
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSource {
		return nil, 0, fmt.Errorf("%s: %v of %d bytes", name, info.Mode().Type(), info.Size())
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	in.Buffer(nil, maxSource)
	for n < line+sourceContext && in.Scan() {
		if n++; n >= line-sourceContext {
			lines = append(lines, text(untab(in.Text())))
		}
	}
	return lines, n, in.Err()
}

// untab replaces tabs by blanks up to the next column that is a multiple of 8, as a
// terminal shows them.
func untab(s string) string {
	if len(s) > 2*maxText {
		s = s[:2*maxText]
	}
	var b strings.Builder
	column := 0
	for _, r := range s {
		if r == '\t' {
			n := 8 - column%8
			b.WriteString("        "[:n])
			column += n
			continue
		}
		b.WriteRune(r)
		if !unicode.Is(unicode.Mn, r) {
			column++
		}
	}
	return b.String()
}
