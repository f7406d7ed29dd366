// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// Patterns say the same as nameIn and noticeIn, which are without package regexp since that
// is large.
var (
	commPattern    = regexp.MustCompile(`(?s)comm "(.{0,63})",[ \t\r]*pid`)
	noticePatterns = [...]*regexp.Regexp{
		NoticeSuspected: regexp.MustCompile(`(?:^| )\d+ new suspected memory leaks`),
		NoticeDisabled:  regexp.MustCompile(`ernel memory leak detector disabled|kmemleak:[ \t\r]*(?:Cannot insert|Kmemleak disabled|disabled|[sS]topped|Kernel memory leak detector stopped)`),
		NoticeMemory:    regexp.MustCompile(`kmemleak:[ \t\r]*(?:Cannot allocate|Memory pool (?:empty|exhausted)|Early log buffer exceeded)`),
		NoticeLost:      regexp.MustCompile(`\d+ printk messages dropped|Missed \d+ kernel messages|lost \d+ messages`),
	}
)

func TestPatterns(t *testing.T) {
	words := []string{
		" ", " ", "\t", "x", "7", "42", `"`, `",`, `comm "`, "pid", "kmemleak:", "kmemleak: ", " new suspected memory leaks", "Kernel memory leak detector ",
		"disabled", "stopped", "Stopped", "Cannot insert", "Cannot allocate", "Memory pool empty", "Kmemleak disabled", "Memory pool exhausted",
		"Early log buffer exceeded", " printk messages dropped", "Missed ", " kernel messages", "lost ", " messages", strings.Repeat("y", 60),
	}
	r := rand.New(rand.NewPCG(1, 2))
	seen := make(map[NoticeKind]int)
	for range 300_000 {
		var b []byte
		for range 1 + r.IntN(8) {
			b = append(b, words[r.IntN(len(words))]...)
		}
		wantFrom, wantTo := len(b), len(b)
		if at := commPattern.FindSubmatchIndex(b); at != nil {
			wantFrom, wantTo = at[2], at[3]
		}
		if from, to := nameIn(b); from != wantFrom || to != wantTo {
			t.Fatalf("%q: the name is %d to %d, want %d to %d", b, from, to, wantFrom, wantTo)
		}
		var got, want NoticeKind
		if n := noticeIn(b); n != nil {
			got = n.Kind
		}
		for kind, pattern := range noticePatterns[1:] {
			if pattern.Match(b) && (strings.Contains(string(b), "kmemleak") || strings.Contains(string(b), "messages")) {
				want = NoticeKind(kind + 1)
				break
			}
		}
		if got != want {
			t.Fatalf("%q: %v, want %v", b, got, want)
		}
		seen[got]++
	}
	if len(seen) != 5 {
		t.Errorf("seen: %v", seen)
	}
}

func TestNameIn(t *testing.T) {
	for line, want := range map[string]string{
		`  comm "a&b", pid 1, jiffies 2`:              `a&b`,
		`> comm "", pid", pid 1, jiffies 2`:           `", pid`,
		`comm "a",  pid 1 comm "b", pid 2, jiffies 3`: `a",  pid 1 comm "b`,
		`comm "a`:             ``,
		`comm "a", jiffies 2`: ``,
		`unreferenced object 0xffff888101a2b3c0 (size 8)`: ``,
	} {
		from, to := nameIn([]byte(line))
		if got := line[from:to]; got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
