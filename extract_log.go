// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// subject is what the reader of logs has to know of reports.
var subject = logtext.Subject{
	Start: "u" + anchor, Tag: "kmemleak", Label: "backtrace:", Verbatim: nameIn,
}

// nameIn tells where the name is in a comm line, whose blanks behind the name may be
// more or less than the kernel's; both are the length of b if there is none.
func nameIn(b []byte) (from, to int) {
	const start, end, longest = `comm "`, `",`, 63
	for at := bytes.Index(b, []byte(start)); at >= 0; at = bytes.Index(b[from:], []byte(start)) {
		from += at + len(start)
		name := b[from:min(len(b), from+longest+len(end))]
		for n := bytes.LastIndex(name, []byte(end)); n >= 0; n = bytes.LastIndex(name[:n], []byte(end)) {
			if bytes.HasPrefix(logtext.TrimLeft(b[from+n+len(end):]), []byte("pid")) {
				return from, from + n
			}
		}
	}
	return len(b), len(b)
}

const digits, blanks = "0123456789", " \t\r"

// notices are what kernels and programs that keep logs say, in the order of their kinds.
// Between the two texts stands a number, or nothing but blanks.
var notices = [...]struct {
	kind    NoticeKind
	before  string // " ": or the line begins
	between string // characters that may stand between before and behind
	behind  []string
}{
	{NoticeSuspected, " ", digits, []string{" new suspected memory leaks"}},
	{NoticeDisabled, "", blanks, []string{"ernel memory leak detector disabled"}},
	{NoticeDisabled, "kmemleak:", blanks, []string{"Cannot insert", "Kmemleak disabled", "disabled", "stopped", "Stopped", "Kernel memory leak detector stopped"}},
	{NoticeMemory, "kmemleak:", blanks, []string{"Cannot allocate", "Memory pool empty", "Memory pool exhausted", "Early log buffer exceeded"}},
	{NoticeLost, "", digits, []string{" printk messages dropped"}},
	{NoticeLost, "Missed ", digits, []string{" kernel messages"}},
	{NoticeLost, "lost ", digits, []string{" messages"}},
}

// noticeIn returns what a line says of the search or of the log, nil if it says nothing.
func noticeIn(b []byte) *Notice {
	if !bytes.Contains(b, []byte("kmemleak")) && !bytes.Contains(b, []byte("messages")) {
		return nil
	}
	for _, says := range notices {
		for _, behind := range says.behind {
			for to, n := 0, 0; ; to += len(behind) {
				if n = bytes.Index(b[to:], []byte(behind)); n < 0 {
					break
				}
				to += n
				head := bytes.TrimRight(b[:to], says.between)
				if says.between == digits && len(head) == to || !bytes.HasSuffix(head, []byte(says.before)) && (says.before != " " || len(head) > 0) {
					continue
				}
				count, _ := strconv.ParseUint(string(b[len(head):to]), 10, 31) // the largest if there are more, 0 if there is none
				return &Notice{Kind: says.kind, Count: int(count)}
			}
		}
	}
	return nil
}

// ErrNoReport means that a text has no record of a leak and no [Notice]. That is not the
// same as no leaks: nothing in the text shows that the kernel has looked. [Extract] ends
// with it.
var ErrNoReport = errors.New("no kmemleak report found")

// Notice is what a kernel or a log says about itself that contradicts an answer of "no
// leaks". [Extract] yields it as the error beside the zero Leak.
type Notice struct {
	Kind  NoticeKind
	Count int    // for NoticeSuspected: leaks that the kernel has counted and the text has no record of; for NoticeLost: lines, if the log says how many
	Line  int    // number of the line in the input, from 1; of NoticeSuspected the last of several
	Text  string // that line; long lines are cut
}

// NoticeKind is what a [Notice] says.
type NoticeKind uint8

// The kinds of a notice, with words of the kernel's mm/kmemleak.c.
const (
	NoticeSuspected NoticeKind = iota + 1 // "8 new suspected memory leaks", and the text has fewer records
	NoticeDisabled                        // "Kernel memory leak detector disabled", or stopped: later leaks are not reported
	NoticeMemory                          // "Cannot allocate a kmemleak_object structure", "Memory pool empty": objects are not tracked
	NoticeLost                            // "printk messages dropped" and the like: the log has lost lines
)

// String returns "suspected", "disabled", "memory" or "lost".
func (k NoticeKind) String() string {
	if int(k) < len(noticeNames) {
		return noticeNames[k]
	}
	return fmt.Sprintf("NoticeKind(%d)", uint8(k))
}

var noticeNames = [...]string{"", "suspected", "disabled", "memory", "lost"}

// Error returns the line number, what the notice means and the line.
func (n *Notice) Error() string {
	what := [...]string{
		"", "the kernel has found leaks that are not in the text", "kmemleak was switched off", "kmemleak had not enough memory",
		"lines of the log are lost",
	}[min(int(n.Kind), len(noticeNames)-1)]
	if n.Kind == NoticeSuspected {
		what = fmt.Sprintf("the kernel has found %d leaks more than are in the text (its control file has them; its log does with kmemleak.verbose=1)", n.Count)
	}
	return fmt.Sprintf("line %d: %s: %q", n.Line, what, n.Text)
}
