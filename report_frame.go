// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// ParseFrame reads one line of a backtrace, in every form that kernels print it
// and that tools leave after decoding it:
//
//	[<ffffffffac82d8ca>] kmemleak_alloc+0x4a/0xa0      raw address
//	[<00000000cd474082>] myfunc+0xa/0x1e [hello]       hashed address: Addr is 0
//	[<(____ptrval____)>] myfunc+0xa/0x1e [hello]       hidden address: Addr is 0
//	[< c10b0001>] create_object+0x114/0x1db            padded
//	myfunc+0xa/0x1e [hello]                            no address
//	myfunc+0xa/0x1e [hello 3f5ad5c1e0b2]               with a build ID of 8 to 64 digits
//	0xffffffffc03d4015                                 no symbol: only Addr is set
//	[<00000000cd474082>] 0xffffffffc03d4015            the same
//	? myfunc+0xa/0x1e                                  "?", "(P)" and the like are passed over
//	myfunc+0xa/0x1e lib/x.c:12                         decoded
//	kzalloc include/linux/slab.h:1094 [inline]         decoded, inlined
//	[<     inline     >] kzalloc linux/slab.h:1094     the same
//	myfunc (mm/slub.c:3817 lib/x.c:12) hello           decoded: File and Line are the last,
//	                                                   which is in myfunc itself
//	myfunc                                             name only
//
// Blanks at both ends do not count. A hash of 64-bit kernels has 32 bits and is
// recognised by that; on 32-bit kernels since 4.15 a hash looks like an address
// and is taken as Addr.
//
// The error for any other text wraps [ErrFormat]; the Frame is zero then.
func ParseFrame(s string) (Frame, error) {
	if len(s) > maxFrame {
		return Frame{}, formatErrorf("frame of %d bytes", len(s))
	}
	f, _, rest, err := parseFrame([]byte(s))
	if err == nil && len(rest) > 0 {
		err = formatErrorf("text %q after the frame", clip(rest))
	}
	if err != nil {
		return Frame{}, err
	}
	return f, nil
}

// maxFrame is longer than any line of a backtrace: a symbol has at most 512 bytes
// (KSYM_NAME_LEN), more if a tool has demangled it, a module 56, a path 4096.
const (
	maxFrame = 8 << 10
	maxName  = 2 << 10
	maxPath  = 4 << 10
)

const (
	// maxDepth bounds the frames of a record. A kernel prints 16, a tool that
	// decodes them adds some inlined ones to each.
	maxDepth = 1 << 9

	// frameIndent is the number of blanks before a frame.
	frameIndent = 4
)

// A frameForm says how a frame was written.
type frameForm struct {
	bracket bool // an address, or what stands for one, in brackets
	number  bool // an address instead of a name
	offset  bool
	size    bool
	file    bool // decoded
	list    bool // decoded, with source positions in parentheses
	word    bool // the module is not in brackets
}

var (
	errNoFrame  = formatErrorf("not a frame")
	errCutFrame = formatErrorf("the frame is cut")
)

// noFrame returns the error for what is not a frame. cut says that it may be the start of one.
func noFrame(cut bool) error {
	if cut {
		return errCutFrame
	}
	return errNoFrame
}

// parseFrame reads a frame from the start of b and returns the text after it,
// without blanks at its ends.
func parseFrame(b []byte) (f Frame, form frameForm, rest []byte, err error) {
	b = logtext.Trim(b)
	if len(b) == 0 {
		return f, form, b, errNoFrame
	}
	var bracket uint64
	if b[0] == '[' {
		if rest, ok := inlineBracket(b); ok {
			b, f.Inlined = rest, true
		} else if bracket, b, err = parseBracket(b); err != nil {
			return f, form, b, err
		}
		form.bracket = true
		b = logtext.TrimLeft(b)
	}
	b = logtext.TrimLeft(bytes.TrimPrefix(b, []byte("? ")))

	if len(b) > 0 && b[0] == '<' {
		if i := bytes.IndexByte(b[:min(len(b), 5)], '>'); i > 0 && logtext.IsDecimal(b[1:i]) {
			return Frame{}, form, b, errNoFrame // a log level, no type of Rust or C++
		}
	}
	if b, err = parseSymbol(b, &f, &form); err != nil {
		return Frame{}, form, b, err
	}
	if !form.number {
		f.Addr = bracket
	}
	rest, err = parseTail(b, &f, &form)
	if err != nil {
		return Frame{}, form, b, err
	}
	return f, form, rest, nil
}

// inlineBracket reads what syzkaller of 2016 put in place of the address of an inlined
// frame: [<     inline     >].
func inlineBracket(b []byte) (rest []byte, ok bool) {
	s := logtext.Scan{Rest: b}
	ok = s.Lit("[<") && s.Word("inline") && s.Word(">") && s.Lit("]")
	return s.Rest, ok
}

// parseBracket reads the address before the symbol. Mail and web software often
// loses the inner brackets.
func parseBracket(b []byte) (addr uint64, rest []byte, err error) {
	s := logtext.Scan{Rest: b[1:]}
	s.Blanks()
	inner := s.Lit("<")
	s.Blanks()
	if s.Lit("(") { // (ptrval), (____ptrval____), (null)
		i := bytes.IndexByte(s.Rest, ')')
		if i < 0 {
			return 0, b, errCutFrame
		}
		if name := string(bytes.Trim(s.Rest[:i], "_ ")); name != "ptrval" && name != "null" {
			return 0, b, errNoFrame
		}
		s.Rest = s.Rest[i+1:]
	} else {
		v, digits, ok := s.Hex()
		switch {
		case s.Short:
			return 0, b, errCutFrame
		case !ok || digits < 8:
			return 0, b, errNoFrame
		case digits < 16 || v>>32 != 0: // else a hash
			addr = v
		}
	}
	s.Short = false
	s.Blanks()
	if inner && !s.Lit(">") || !s.Word("]") {
		return 0, b, noFrame(s.Short || len(s.Rest) == 0)
	}
	return addr, s.Rest, nil
}

// parseSymbol reads the name with its offset and size, or a bare address.
func parseSymbol(b []byte, f *Frame, form *frameForm) (rest []byte, err error) {
	if len(b) == 0 {
		return b, errCutFrame
	}
	s := logtext.Scan{Rest: b}
	if s.Lit("(null)") { // old kernels, for an address of 0
		form.number = true
		return s.Rest, nil
	}
	if s.Lit("0x") {
		v, _, ok := s.Hex()
		if !ok || len(s.Rest) > 0 && isNameByte[s.Rest[0]] {
			return b, noFrame(!ok && s.Short)
		}
		f.Addr, form.number = v, true
		return s.Rest, nil
	}
	n := 0
	for n < len(b) && n <= maxName && isNameByte[b[n]] {
		n++
	}
	if n < len(b) && b[n] != '+' && b[n] != ' ' && b[n] != '\t' {
		n = max(n, demangledLen(b))
	}
	if n == 0 || n > maxName || b[0] >= '0' && b[0] <= '9' || n < len(b) && b[n] != '+' && b[n] != ' ' && b[n] != '\t' ||
		len(bytes.Trim(b[:n], ".")) == 0 {
		return b, errNoFrame
	}
	f.Func = string(b[:n])
	s.Rest = b[n:]
	if !s.Lit("+0x") {
		if s.Short && len(s.Rest) > 0 {
			return b, errCutFrame
		}
		return s.Rest, nil
	}
	var ok bool
	if f.Offset, _, ok = s.Hex(); !ok {
		return b, noFrame(s.Short)
	}
	form.offset = true
	s.Short = false
	if !s.Lit("/0x") {
		if s.Short && len(s.Rest) > 0 {
			return b, errCutFrame
		}
		return s.Rest, nil
	}
	s.Short = false
	if f.Size, _, ok = s.Hex(); !ok {
		return b, noFrame(s.Short)
	}
	form.size = true
	return s.Rest, nil
}

// isNameByte tells the bytes of a symbol as compilers write it.
var isNameByte = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '_' || c == '.' || c == '$' || c == '@'
	}
	return t
}()

// demangledLen returns the length of a Rust or C++ name that a tool has already
// demangled, which may hold blanks and brackets; 0 if there is none.
func demangledLen(b []byte) int {
	n := bytes.Index(b[:min(len(b), maxName)], []byte("+0x"))
	if n <= 0 || !utf8.Valid(b[:n]) || bytes.IndexByte(b[:n], '"') >= 0 || !bytes.Contains(b[:n], []byte("::")) {
		return 0
	}
	depth := 0
	for i, c := range b[:n] {
		switch {
		case c < ' ' || c == 0x7f:
			return 0
		case c == '<' || c == '(' || c == '[' || c == '{':
			depth++
		case c == '>' && i > 0 && b[i-1] == '-': // an arrow
		case c == '>' || c == ')' || c == ']' || c == '}':
			depth--
		case c == ' ' && depth == 0:
			return 0 // two words
		}
		if depth < 0 {
			return 0
		}
	}
	if depth != 0 {
		return 0
	}
	return n
}

// parseTail reads what follows the symbol: the module, marks of the unwinder and
// what decoding tools add.
func parseTail(b []byte, f *Frame, form *frameForm) (rest []byte, err error) {
	for {
		b = logtext.TrimLeft(b)
		if len(b) == 0 {
			return b, nil
		}
		switch b[0] {
		case '[':
			i := bytes.IndexByte(b, ']')
			if i < 0 {
				if isModule(b[1:]) {
					return b, errCutFrame
				}
				return b, nil
			}
			inner := b[1:i]
			switch {
			case string(inner) == "inline" || string(inner) == "inlined":
				f.Inlined = true
			case f.Module == "" && !form.number && isModule(inner):
				name, id, _ := bytes.Cut(inner, []byte(" "))
				f.Module, f.BuildID = string(name), string(id)
			default:
				return b, nil
			}
			b = b[i+1:]
		case '(':
			i := logtext.Closing(b)
			if i < 0 || !parseParen(b[1:i], f, form) {
				return b, nil
			}
			b = b[i+1:]
			// decode_stacktrace.sh puts the module here and drops its brackets.
			word := logtext.TrimLeft(b)
			n := logtext.IndexBlank(word)
			behind := logtext.TrimLeft(word[n:])
			if form.file && f.Module == "" && n > 0 && isModule(word[:n]) && (len(behind) == 0 || behind[0] == '(' && !isList(behind)) {
				f.Module, form.word = string(word[:n]), true
				b = behind
			}
		default:
			n := logtext.IndexBlank(b)
			file, line, ok := cutPosition(b[:n])
			if !ok || form.file {
				return b, nil
			}
			f.File, f.Line, form.file = file, line, true
			b = b[n:]
		}
	}
}

// isList reports whether b starts with source positions in parentheses, which may not be
// closed: then the word before it is the next frame.
func isList(b []byte) bool {
	if i := logtext.Closing(b); i >= 0 {
		var form frameForm
		return parseParen(b[1:i], new(Frame), &form) && form.list
	}
	return isOpenList(b)
}

// isOpenList reports whether b is the start of a list of source positions, which
// goes on in the next line. A path may be cut.
func isOpenList(b []byte) bool {
	const longest = 512
	if len(b) < 2 || len(b) >= longest || b[0] != '(' || logtext.Closing(b) >= 0 {
		return false
	}
	first := b[1:logtext.IndexBlank(b)]
	_, _, ok := cutPosition(first)
	return ok || len(first) == len(b)-1 && bytes.IndexByte(first, '/') >= 0
}

// parseParen reads the inside of a parenthesis after a symbol: marks of arm64's
// unwinder such as (P), or source positions.
func parseParen(b []byte, f *Frame, form *frameForm) bool {
	marks := len(b) > 0 && len(b) <= 4
	for _, c := range b {
		marks = marks && c >= 'A' && c <= 'Z'
	}
	if marks {
		return true
	}
	if form.file {
		return bytes.HasPrefix(b, []byte("discriminator "))
	}
	var file string
	var line int
	found, number := false, false
	for word := range bytes.FieldsSeq(b) {
		d := bytes.Trim(word, "()")
		if number && logtext.IsDecimal(d) {
			number = false
			continue
		}
		if number = string(d) == "discriminator"; number {
			continue
		}
		var ok bool
		if file, line, ok = cutPosition(word); !ok {
			return false
		}
		found = true
	}
	if !found {
		return false
	}
	f.File, f.Line, form.file, form.list = file, line, true, true
	return true
}

// cutPosition reads file:line or file:line:column. What addr2line prints when it
// does not know, ??:?, is a position without a file.
func cutPosition(b []byte) (file string, line int, ok bool) {
	name, number, ok := bytes.Cut(b, []byte(":"))
	if !ok || len(name) == 0 || len(name) > maxPath {
		return "", 0, false
	}
	if string(name) == "??" {
		return "", 0, true
	}
	number, _, _ = bytes.Cut(number, []byte(":"))
	n, err := strconv.ParseUint(string(number), 10, 31)
	if string(number) == "?" { // addr2line knows the file only
		n, err = 0, nil
	}
	if err != nil || !utf8.Valid(name) || bytes.IndexByte(name, '.') < 0 && bytes.IndexByte(name, '/') < 0 {
		return "", 0, false
	}
	for _, c := range name {
		if c <= ' ' || c == '(' || c == ')' || c == '[' || c == ']' || c == '"' {
			return "", 0, false
		}
	}
	return string(name), int(n), true
}

// isModule reports whether b is a module name, or one with a build ID.
func isModule(b []byte) bool {
	name, id, hasID := bytes.Cut(b, []byte(" "))
	if len(name) == 0 || len(name) > 64 || name[0] == '.' || name[0] == '-' || logtext.IsDecimal(name) { // a footnote
		return false
	}
	for _, c := range name {
		if !isNameByte[c] && c != '-' {
			return false
		}
	}
	for _, c := range id {
		if logtext.HexDigit(c) > 15 {
			return false
		}
	}
	return !hasID || len(id) >= 8 && len(id) <= 64
}

// beyond reports whether the offset is beyond the size, which no kernel prints. A
// size of 0 is how String writes that it is not known.
func (f Frame) beyond() bool { return f.Size != 0 && f.Offset > f.Size }

// A frameClass is what frames of one backtrace have in common, as a set.
type frameClass uint8

const (
	classSized   frameClass = 1 << iota // a name with offset and size
	classUnsized                        // a name without
	classBracket                        // an address in brackets before it
	classBare                           // an address and nothing else
	classPlain                          // a name with offset and size, and no address
)

// class returns the class of a frame of this form.
func (form frameForm) class(inlined bool) (c frameClass) {
	switch {
	case form.size:
		c = classSized
	case !form.number && !form.list && !inlined:
		c = classUnsized
	}
	switch {
	case form.bracket:
		c |= classBracket
	case form.number:
		c |= classBare
	case form.size:
		c |= classPlain
	}
	return c
}

// mixed reports whether no kernel and no tool prints such frames in one backtrace. Names
// that a tool has decoded stand among others without their offsets.
func (c frameClass) mixed() bool {
	return c&classUnsized != 0 && c&classSized != 0 || c&classBracket != 0 && c&classBare != 0
}
