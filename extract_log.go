// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// subject is what the reader of logs has to know of reports.
var subject = logtext.Subject{
	Start: "u" + anchor, Tag: "kmemleak", Label: "backtrace:", Verbatim: nameIn,
}

// commName is a comm line, whose blanks behind the name may be more or less than the kernel's.
var commName = regexp.MustCompile(`(?s)comm "(.{0,63})",[ \t\r]*pid`)

// nameIn tells where the name is in a comm line; both are the length of b if there is none.
func nameIn(b []byte) (from, to int) {
	if bytes.Contains(b, []byte(`comm "`)) {
		if at := commName.FindSubmatchIndex(b); at != nil {
			return at[2], at[3]
		}
	}
	return len(b), len(b)
}

// notices are what kernels and programs that keep logs say, in the order of their kinds.
var notices = [...]*regexp.Regexp{
	NoticeSuspected: regexp.MustCompile(`(?:^| )\d+ new suspected memory leaks`),
	NoticeDisabled:  regexp.MustCompile(`ernel memory leak detector disabled|kmemleak:\s*(?:Cannot insert|Kmemleak disabled|disabled|[sS]topped|Kernel memory leak detector stopped)`),
	NoticeMemory:    regexp.MustCompile(`kmemleak:\s*(?:Cannot allocate|Memory pool (?:empty|exhausted)|Early log buffer exceeded)`),
	NoticeLost:      regexp.MustCompile(`\d+ printk messages dropped|Missed \d+ kernel messages|lost \d+ messages`),
}

// noticeIn returns what a line says of the search or of the log, nil if it says nothing.
func noticeIn(b []byte) *Notice {
	if !bytes.Contains(b, []byte("kmemleak")) && !bytes.Contains(b, []byte("messages")) {
		return nil
	}
	for i, says := range notices[1:] {
		if found := says.Find(b); found != nil {
			digits := max(0, bytes.IndexAny(found, "0123456789"))
			n, _ := strconv.ParseUint(string(found[digits:digits+logtext.LeadingDigits(found[digits:])]), 10, 31) // the largest if there are more
			return &Notice{Kind: NoticeKind(i + 1), Count: int(n)}
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

var _ error = (*Notice)(nil)

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
