// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestExtractCorpus counts what Extract finds in reports that people have
// published, against counts made by hand.
//
// The texts are not ours to distribute. KMEMLEAK_CORPUS names a folder with the
// texts and INDEX.tsv, a table with a line of titles. Its columns file, class,
// records, frames, inline_frames, size_sum and n_modules are used. A count a|b is
// what a person reads and what a program may fairly give. Texts of class extreme
// are shown and cannot fail.
func TestExtractCorpus(t *testing.T) {
	dir := os.Getenv("KMEMLEAK_CORPUS")
	if dir == "" {
		t.Skip("no published reports (try: KMEMLEAK_CORPUS set to a folder of them with their INDEX.tsv)")
	}
	index, err := os.ReadFile(filepath.Join(dir, "INDEX.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(index), "\n"), "\n")
	column := make(map[string]int)
	for i, title := range strings.Split(lines[0], "\t") {
		column[title] = i
	}
	counts := []string{"records", "frames", "inline_frames", "size_sum", "n_modules"}
	right := 0
	for _, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		name, class := cells[column["file"]], cells[column["class"]]
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		got := countLeaks(text)
		var wrong []string
		for i, title := range counts {
			want := cells[column[title]]
			ok := false
			for w := range strings.SplitSeq(want, "|") {
				ok = ok || strconv.FormatUint(got[i], 10) == w
			}
			if !ok {
				wrong = append(wrong, fmt.Sprintf("%s %d, want %s", title, got[i], want))
			}
		}
		switch {
		case len(wrong) == 0:
			right++
		case class == "extreme":
			t.Logf("%s (%s): %s", name, class, strings.Join(wrong, "; "))
		default:
			t.Errorf("%s (%s): %s", name, class, strings.Join(wrong, "; "))
		}
	}
	t.Logf("%d of %d texts agree in all counts", right, len(lines)-1)
}

// countLeaks returns records, frames, inlined frames, sum of sizes and modules.
func countLeaks(text []byte) (n [5]uint64) {
	modules := make(map[string]bool)
	for l, err := range Extract(bytes.NewReader(text)) {
		if err != nil && l.Addr == 0 && l.Size == 0 {
			continue
		}
		n[0]++
		n[1] += uint64(len(l.Backtrace))
		n[3] += l.Size
		for _, f := range l.Backtrace {
			if f.Inlined {
				n[2]++
			}
			if f.Module != "" {
				modules[f.Module] = true
			}
		}
	}
	n[4] = uint64(len(modules))
	return n
}
