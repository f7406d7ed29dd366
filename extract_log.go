// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"regexp"

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
