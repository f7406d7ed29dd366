// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package logtext reads text as it was before logs, mail, web pages and terminals
// carried it: a stream of lines that know their number and what stood before them. It
// restores what carriers do to bytes (quoted-printable, entities and tags of HTML,
// JSON, Markdown, terminal escapes) and finds what they put before a line (quote
// marks, log levels, time stamps, hosts). Of what the lines say it knows no more than
// its Subject.
package logtext

import (
	"bytes"
	"io"
)

// A Line is one line of the original text.
type Line struct {
	Text    []byte  // without line end
	Number  int     // of the line of input that it is from, of the last if they are several; from 1
	Changed bool    // that line was not as it is now
	Carrier Carrier // what was stripped, the zero Carrier if nothing was
	Indent  int     // of Text where Text has lost it
	Width   int     // of Text with what was stripped
	Bare    bool    // nothing was stripped
}

// A Text is a stream of lines in memory that does not depend on its length. The number
// of the lines never falls.
type Text struct {
	in    *Reader
	clean cleaner
	line  Line
	left  []byte // what was not returned of a line of input
	more  bool   // there is some, which may be an empty line
}

// NewText returns the text that r carries.
func NewText(r io.Reader, s *Subject) *Text {
	return &Text{in: NewReader(r), clean: cleaner{subject: s}}
}

// Next returns the next line with its carrier, valid until the next call. After the last
// one ok is false and the line has only the number of the last.
func (t *Text) Next() (l *Line, ok bool) {
	l = &t.line
	for !t.more {
		raw, ok := t.in.Next()
		if ok {
			t.left, t.more = t.clean.clean(raw)
		} else if t.left, t.clean.soft = t.clean.soft, nil; len(t.left) > 0 {
			t.more = true
		} else {
			*l = Line{Number: t.in.Number()}
			return l, false
		}
	}
	l.Text, l.Number, l.Changed = t.left, t.in.Number(), t.clean.changed
	t.more = false
	if l.Changed { // else it is one line
		if i := bytes.IndexByte(l.Text, '\n'); i >= 0 {
			l.Text, t.left, t.more = l.Text[:i], l.Text[i+1:], true
		}
	}
	l.Width = len(l.Text)
	return l, true
}

// Err returns the error of the reader once Next has returned no line. It is nil at the
// end of the text.
func (t *Text) Err() error { return t.in.Err() }
