// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleaktest

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

// report passes the result of a search on to the test.
func report(t T, o *options, f kmemleak.Finding, err error) {
	t.Helper()
	for _, doubt := range f.Doubts {
		t.Logf("kmemleak: not sure: %v", doubt)
	}
	if note := vanishedNote(f.Vanished); note != "" {
		t.Logf("kmemleak: %s", note)
	}
	if n := len(f.Suspects); n > 0 {
		t.Logf("kmemleak: %d objects that only kernel stacks point to may be leaks, and count as none; one is of %s", n, leakfmt.Owner(f.Suspects[0], shown))
	}
	// After a scan it is certain that the kernel had kmemleak. That it is off now is not
	// for SkipIfUnavailable.
	if err != nil && f.Scans == 0 {
		unavailable(t, o, err)
		return
	}
	if len(f.Leaks) > 0 {
		path, saveErr := save(t, f.Leaks)
		if saveErr != nil {
			path = fmt.Sprintf("not saved: %v", saveErr)
		}
		t.Errorf("kmemleak: %s  whole report: %s", failure(f.Leaks), path)
	}
	if err != nil {
		t.Errorf("kmemleak: %v", err)
	}
}

// shown keeps failures short: the whole report is in a file. The leaks are decoded
// already, see [kmemleak.WithSymbolizer].
var shown = &leakfmt.Options{Detail: leakfmt.Brief, MaxGroups: 5, MaxFrames: 16, Color: leakfmt.Never}

// failure describes leaks in some dozen lines.
func failure(leaks []kmemleak.Leak) string {
	var b strings.Builder
	_ = leakfmt.Text(&b, leaks, shown) // a Builder returns no errors
	return b.String()
}

// vanishedNote describes objects that were reported as leaked for a while.
func vanishedNote(vanished []kmemleak.Vanished) string {
	if len(vanished) == 0 {
		return ""
	}
	fates := make(map[kmemleak.Fate]int)
	for _, v := range vanished {
		fates[v.Fate]++
	}
	var parts []string
	for fate := range kmemleak.FateCleared + 1 {
		if n := fates[fate]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n, fate))
		}
	}
	return fmt.Sprintf("suspected leaks vanished while being confirmed, and count as none: %s; one was of %s",
		strings.Join(parts, ", "), leakfmt.Owner(vanished[0].Leak, shown))
}

// save writes the whole report to the test's artifact folder. If there is no such
// folder, or go test does not keep it (-artifacts), save also writes the report to a
// file that outlives the test, and returns the path of that file.
func save(t T, leaks []kmemleak.Leak) (path string, err error) {
	if a, ok := t.(interface{ ArtifactDir() string }); ok {
		path = filepath.Join(a.ArtifactDir(), "kmemleak.txt")
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
		if err != nil {
			return "", err
		}
		if err := write(file, leaks); err != nil {
			return "", err
		}
		if f := flag.Lookup("test.artifacts"); f == nil || f.Value.String() == "true" {
			return path, nil
		}
	}
	file, err := os.CreateTemp("", "kmemleak-*.txt")
	if err != nil {
		return "", err
	}
	return file.Name(), write(file, leaks)
}

// write prints leaks as the kernel does, and closes the file.
func write(file *os.File, leaks []kmemleak.Leak) error {
	w := bufio.NewWriter(file)
	for _, l := range leaks {
		w.WriteString(l.String())
	}
	return errors.Join(w.Flush(), file.Close())
}
