// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"slices"
	"strconv"
	"strings"
)

// A LogRecord is one record of the kernel log.
type LogRecord struct {
	Caller string // the task or CPU that wrote it; "" if the kernel does not say
	Text   string // without prefixes for time and level
}

// LogPrefix is the prefix of everything that kmemleak logs itself. The frames of a dump
// are printed by other code, without it.
const LogPrefix = "kmemleak: "

// ParseLogRecord reads a record in the form of /dev/kmsg:
// "level,sequence,microseconds,flags[,caller=…];text", then lines of a dictionary
// (Documentation/ABI/testing/dev-kmsg). ok is false if s is not a record.
func ParseLogRecord(s string) (r LogRecord, ok bool) {
	head, rest, ok := strings.Cut(s, ";")
	if !ok {
		return r, false
	}
	for field := range strings.SplitSeq(head, ",") {
		if caller, ok := strings.CutPrefix(field, "caller="); ok {
			r.Caller = caller
		}
	}
	text, _, _ := strings.Cut(rest, "\n")
	r.Text = unescapeLog(text)
	return r, true
}

// unescapeLog undoes the \xNN of /dev/kmsg, which replaces backslashes and all bytes that
// are not printable ASCII (msg_add_ext_text in kernel/printk/printk.c).
func unescapeLog(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, `\x`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		n, err := strconv.ParseUint(after[:min(2, len(after))], 16, 8)
		if err != nil || len(after) < 2 {
			b.WriteString(`\x`)
			s = after
			continue
		}
		b.WriteByte(byte(n))
		s = after[2:]
	}
}

// obituary returns the messages that say why kmemleak switched itself off, or what
// led to that. After the command "off" there are none.
func obituary(records []LogRecord) []string {
	causes := []string{
		"Cannot allocate a kmemleak_object", "Cannot insert", "Memory pool empty", "Early log buffer exceeded",
	}
	var found []string
	for _, r := range records {
		text, ok := strings.CutPrefix(r.Text, LogPrefix)
		if ok && slices.ContainsFunc(causes, func(cause string) bool { return strings.Contains(text, cause) }) {
			found = append(found, text)
		}
	}
	const most = 4
	return found[max(0, len(found)-most):]
}
