// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text on its way from a kernel to a file passes terminals, mailers and browsers. A
// cleaner undoes what they do to the bytes of a line.
type cleaner struct {
	subject *Subject
	buf     []byte
	soft    []byte // the line before, which ended in a soft line break
	changed bool   // the last line is not as it was given
	journal bool   // there are fields of journalctl -o verbose or export
}

// suspect marks the bytes that a carrier may have put into a line. They are rare in
// what a kernel prints.
var suspect = func() (t [256]bool) {
	for _, c := range []byte("\x00\b\v\f\r\x1b#&<=\\\xa0\xc2\xc3\xe2\xe3\xef") {
		t[c] = true
	}
	return t
}()

// clean returns the line as it was before, or several with line ends between them.
// If ok is false it goes on in the next. The result is valid until the next call.
func (cl *cleaner) clean(b []byte) (_ []byte, ok bool) {
	if cl.changed = len(cl.soft) > 0; cl.changed {
		cl.soft = append(cl.soft, b...)
		b = cl.soft
	}
	if t := bytes.TrimRight(b, "\r"); len(t) < len(b) {
		b, cl.changed = t, true
	}
	if t := TrimLeft(b); bytes.HasPrefix(t, []byte("MESSAGE=")) {
		b, cl.changed, cl.journal = t[len("MESSAGE="):], true, true
	} else if cl.journal && (len(t) == 0 || isField(t)) {
		return nil, false
	}
	if n := len(b); n >= 70 && n < maxLine && b[n-1] == '=' && b[n-2] != '=' { // quoted-printable
		cl.soft = append(cl.soft[:0], b[:n-1]...)
		return nil, false
	}
	cl.soft = cl.soft[:0] // b is still valid
	if text, ok := cl.message(b); ok {
		b, cl.changed = text, true
	}
	if i := firstSuspect(b); i >= 0 {
		out := cl.rewrite(b, i)
		cl.changed = cl.changed || !bytes.Equal(out, b)
		return out, true
	}
	return b, true
}

// message returns the text of a line of a structured log: a JSON object as journalctl
// -o json, docker and others write it, or, behind the dash of a list in YAML, LAVA.
func (cl *cleaner) message(b []byte) (text []byte, ok bool) {
	b = bytes.TrimPrefix(b, []byte("- "))
	if len(b) == 0 || b[0] != '{' {
		return nil, false
	}
	// Names match in any case.
	var fields struct{ Message, Msg, Log *string }
	if json.Unmarshal(b, &fields) != nil {
		return nil, false
	}
	s := cmp.Or(fields.Message, fields.Msg, fields.Log)
	if start := cl.subject.Start[1:]; s == nil || bytes.Contains(b, []byte(start)) && !strings.Contains(*s, start) {
		return nil, false // or the text is in another string
	}
	return bytes.TrimRight([]byte(*s), "\r\n"), true
}

// isField reports whether a line of journalctl -o verbose or export is another field than
// the message, or the first line of an entry. A line end may be lost before the message.
func isField(t []byte) bool {
	name, value, ok := bytes.Cut(t, []byte("="))
	return ok && !bytes.Contains(value, []byte("MESSAGE=")) && (len(bytes.Trim(name, "_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")) == 0 || bytes.HasSuffix(name, []byte(" [s")))
}

// firstSuspect returns the index of the first byte that needs a closer look, or -1.
func firstSuspect(b []byte) int {
	for i := 0; i < len(b); i++ {
		for len(b)-i >= 8 && isPlain(binary.LittleEndian.Uint64(b[i:])) {
			i += 8
		}
		if i < len(b) && suspect[b[i]] {
			if n, _ := tagLen(b[i:]); n > 0 || b[i] != '<' {
				return i
			}
		}
	}
	return -1
}

// isPlain reports whether none of eight bytes is suspect. It may be wrong in saying no: all
// control characters, and all bytes above 0x7f, need a look at each.
func isPlain(w uint64) bool {
	const each = 0x0101010101010101
	hash, less, escape := w|each*('#'^'&')^each*('#'|'&'), w|each^each*('<'|'='), w^each*'\\' // 0 where there is one
	return (w|(w-each*' ')&^w|(hash-each)&^hash|(less-each)&^less|(escape-each)&^escape)&(each*0x80) == 0
}

// rewrite copies b, which is clean up to i.
func (cl *cleaner) rewrite(b []byte, i int) []byte {
	from, to := cl.subject.Verbatim(b)
	subject := bytes.Contains(b, []byte(cl.subject.Start[1:]))
	escaped := subject && bytes.Contains(b, []byte(`\n`)) || from == len(b) && bytes.Contains(b, []byte(`\"`))
	octal := subject && bytes.Contains(b, []byte("#012")) // of rsyslog
	out := append(cl.buf[:0], b[:min(i, from)]...)
	for i = len(out); i < len(b); {
		if i == from {
			out = append(out, b[from:to]...)
			if i = to; i == len(b) {
				break
			}
		}
		n := 0
		switch c := b[i]; c {
		case 0, '\b':
			n = 1
			if c == '\b' && len(out) > 0 {
				out = out[:len(out)-1]
			}
		case 0xa0: // a no-break space in Latin-1
			if len(out) == 0 || out[len(out)-1] < 0x80 {
				out, n = append(out, ' '), 1
			}
		case '\r': // what follows is written over the same line of a terminal
			out, n = append(out, '\n'), 1
		case 0x1b:
			n = escapeLen(b[i:])
		case '#':
			if octal {
				out, n = unescape(out, b[i:])
			}
		case '&':
			const amp = "&amp;"
			if out, n = unescape(out, b[i:]); n == 0 && bytes.HasPrefix(b[i:], []byte(amp)) {
				n = len(amp) - 1
				b[i+n] = '&' // of what was escaped twice
			}
		case '=':
			if len(b)-i >= 3 && isUpperHex(b[i+1]) && isUpperHex(b[i+2]) {
				out, n = plainEnd(append(out, HexDigit(b[i+1])<<4|HexDigit(b[i+2]))), 3
			}
		case '<':
			var breaks bool
			if n, breaks = tagLen(b[i:]); n > 0 && breaks {
				out = append(out, '\n')
			}
		case '\\':
			if escaped && len(b)-i >= 2 {
				out, n = unescapeString(out, b[i:])
			} else if len(b)-i >= 2 && bytes.IndexByte([]byte("_*[]<>`+-.()#"), b[i+1]) >= 0 {
				out, n = append(out, b[i+1]), 2
			}
		}
		if n == 0 {
			out, n = append(out, b[i]), 1
			if b[i] < ' ' || b[i] >= 0x80 {
				out = plainEnd(out)
			}
		}
		i += n
	}
	cl.buf = out
	return out
}

// escapeLen returns the length of a terminal's escape sequence at the start of b: of
// several bytes, a title, or of two. It may be cut, and does not go over a line end.
func escapeLen(b []byte) int {
	b, _, _ = bytes.Cut(b, []byte{'\n'})
	n := 2
	switch string(b[1:min(len(b), 2)]) {
	case "[":
		n = len(b) - len(bytes.TrimLeft(b[2:], " !\"#$%&'()*+,-./0123456789:;<=>?"))
		if n < len(b) && b[n] >= '@' && b[n] <= '~' {
			n++
		}
	case "]":
		if end := 2 + bytes.IndexAny(b[2:], "\a\x1b"); end >= 2 {
			n = end + 1
			if b[end] == 0x1b {
				n++
			}
		}
	case "(", ")", "#", "%":
		n = 3
	}
	return min(n, len(b))
}

var names = []struct{ name, text string }{
	{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", `"`}, {"&nbsp;", " "}, {"&apos;", "'"}, {"#012", "\n"}, {"#011", "\t"},
}

// unescape reads one of the names, &#60; or &#x3C;.
func unescape(out, b []byte) ([]byte, int) {
	for _, e := range names {
		if bytes.HasPrefix(b, []byte(e.name)) {
			return append(out, e.text...), len(e.name)
		}
	}
	s := Scan{Rest: bytes.TrimPrefix(b, []byte("&#"))}
	var v uint64
	var ok bool
	if s.Lit("x") || s.Lit("X") {
		v, _, ok = s.Hex()
	} else {
		v, ok = s.Dec()
	}
	if !ok || !s.Lit(";") || v < ' ' && v != '\n' && v != '\t' || v > utf8.MaxRune || len(b)-len(s.Rest) > 10 {
		return out, 0
	}
	return plainEnd(utf8.AppendRune(out, rune(v))), len(b) - len(s.Rest)
}

// unescapeString reads the escapes of text inside a string of a program or of JSON.
func unescapeString(out, b []byte) ([]byte, int) {
	const longest = len(`\u0022`)
	escape := string(b[:min(len(b), longest)])
	c, _, rest, err := strconv.UnquoteChar(escape, '"')
	switch {
	case b[1] == '/':
		return append(out, '/'), 2
	case err != nil || c != '\r' && c != '\n' && c != '\t' && (c < ' ' || c >= 0x7f):
		return out, 0
	case c != '\r':
		out = append(out, byte(c))
	}
	return out, len(escape) - len(rest)
}

// tags are those that text is wrapped in, and whether the text before and after them is
// on different lines. Others may be names of types.
var tags = map[string]bool{
	"br": true, "p": true, "div": true, "pre": true, "tr": true, "li": true, "blockquote": true,
	"span": false, "code": false, "td": false, "tt": false, "font": false, "a": false, "b": false, "i": false, "u": false, "table": false,
	"tbody": false, "strong": false, "em": false, "th": false, "ul": false, "ol": false, "samp": false, "kbd": false, "o:p": false, "wbr": false,
}

// tagLen returns the length of an HTML tag at the start of b, or 0, and whether it
// breaks the line. One capital is the name of a type, and so is what "::" follows.
func tagLen(b []byte) (n int, breaks bool) {
	const longest, longestName = 512, len("/blockquote>")
	name := b[1:min(len(b), 1+longestName)]
	name = bytes.TrimPrefix(name[:max(0, bytes.IndexAny(name[min(len(name), 1):], "> /")+1)], []byte("/"))
	breaks, ok := tags[string(bytes.ToLower(name))]
	n = bytes.IndexByte(b[:min(len(b), longest)], '>') + 1
	if !ok || len(name) == 1 && name[0] < 'a' || bytes.HasPrefix(b[n:], []byte("::")) {
		return 0, false
	}
	return n, breaks
}

func isUpperHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

// plainEnd replaces a blank or a quote of a word processor at the end of b by that
// of the kernel.
func plainEnd(b []byte) []byte {
	for _, f := range folds {
		if bytes.HasSuffix(b, []byte(f.from)) {
			return append(b[:len(b)-len(f.from)], f.to...)
		}
	}
	return b
}

var folds = []struct{ from, to string }{
	{"\u00a0", " "}, {"\u201c", `"`}, {"\u201d", `"`}, {"\u200b", ""}, {"\ufeff", ""}, {"\u00ad", ""},
	{"\u2002", " "}, {"\u2003", " "}, {"\u2007", " "}, {"\u2009", " "}, {"\u202f", " "}, {"\u3000", " "},
	{"0\u00d7", "0x"}, {"\v", " "}, {"\f", " "},
}
