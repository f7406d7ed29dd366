// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// subject is what the reader of logs has to know of reports.
var subject = logtext.Subject{
	Start: "u" + anchor, Tag: "kmemleak", Label: "backtrace:", Verbatim: nameIn,
}

// nameIn tells where the name is in a comm line, whose blanks behind the name may be
// more or less than the kernel's; both are the length of b if there is none.
func nameIn(b []byte) (from, to int) {
	const start, end = `comm "`, `",`
	from = bytes.Index(b, []byte(start))
	if from < 0 {
		return len(b), len(b)
	}
	from += len(start)
	for name := b[from:min(len(b), from+longCommLen+len(end))]; ; {
		n := bytes.LastIndex(name, []byte(end))
		if n < 0 {
			return len(b), len(b)
		}
		if bytes.HasPrefix(logtext.TrimLeft(b[from+n+len(end):]), []byte("pid")) {
			return from, from + n
		}
		name = name[:n]
	}
}

// noticeIn returns what a line says of the search, with Kind 0 if it says nothing.
func noticeIn(b []byte) (n Notice) {
	if isGap(b) {
		return Notice{Kind: NoticeLost, Count: firstNumber(lost.Find(b))}
	}
	const found, name = " new suspected memory leaks", "kmemleak:"
	if i := bytes.Index(b, []byte(found)); i > 0 {
		if before := b[bytes.LastIndexByte(b[:i], ' ')+1 : i]; logtext.IsDecimal(before) {
			return Notice{Kind: NoticeSuspected, Count: firstNumber(before)}
		}
	}
	if bytes.Contains(b, []byte("ernel memory leak detector disabled")) {
		return Notice{Kind: NoticeDisabled}
	}
	i := bytes.Index(b, []byte(name))
	if i < 0 {
		return n
	}
	text := string(logtext.Trim(b[i+len(name):]))
	says := func(start string) bool { return strings.HasPrefix(text, start) }
	switch {
	case slices.ContainsFunc([]string{"Cannot allocate", "Memory pool empty", "Memory pool exhausted", "Early log buffer exceeded"}, says):
		n.Kind = NoticeMemory
	case slices.ContainsFunc([]string{"Cannot insert", "Kmemleak disabled", "disabled", "stopped", "Stopped", "Kernel memory leak detector stopped"}, says):
		n.Kind = NoticeDisabled
	}
	return n
}

// firstNumber returns the first decimal number in b, 0 if there is none,
// math.MaxInt32 if it is larger.
func firstNumber(b []byte) int {
	const digits = "0123456789"
	i := bytes.IndexAny(b, digits)
	if i < 0 {
		return 0
	}
	n, err := strconv.ParseUint(string(b[i:i+logtext.LeadingDigits(b[i:])]), 10, 31)
	if err != nil {
		return math.MaxInt32
	}
	return int(n)
}

// lost is what programs that keep logs say of lines that they do not have.
var lost = regexp.MustCompile(`\d+ printk messages dropped|Missed \d+ kernel messages|lost \d+ messages`)

// isGap reports whether a line says that the log has lost some before it.
func isGap(b []byte) bool {
	// A single byte is found several times faster.
	return bytes.IndexByte(b, 'g') >= 0 && bytes.Contains(b, []byte("messages")) && lost.Match(b)
}

// startsBoot reports whether a line is the first of another boot: what a kernel
// prints first, or what journalctl puts between boots.
func startsBoot(b []byte) bool {
	if bytes.HasPrefix(b, []byte("-- Reboot --")) || bytes.HasPrefix(b, []byte("-- Boot ")) {
		return true
	}
	const start = "Linux version "
	if bytes.IndexByte(b, 'L') < 0 || !bytes.Contains(b, []byte(start)) {
		return false
	}
	_, text := subject.Strip(b)
	version, ok := bytes.CutPrefix(logtext.TrimLeft(text), []byte(start))
	return ok && len(version) > 0 && version[0] >= '0' && version[0] <= '9'
}
