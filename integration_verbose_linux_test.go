// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
)

// TestIntegrationVerbose has the kernel print the leaks onto its console, too, and
// compares the log with the report. Linux 7.2 and newer print equal backtraces once.
func TestIntegrationVerbose(t *testing.T) {
	kernel := need.Kernel(t, "")
	d := manualScans(t)
	clearOthers(t, d)
	const verbose = "/sys/module/kmemleak/parameters/verbose"
	if err := os.WriteFile(verbose, []byte("Y"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(verbose, []byte("N"), 0); err != nil {
			t.Error(err)
		}
	})
	records := followLog(t)
	var log []byte
	h, leaks := leakAll(t, kernel, func(h hello) []kmemleak.Leak {
		records()
		leaks := h.find(t, d)
		log = dmesg(records())
		return leaks
	})
	if err := os.WriteFile("/out/verbose-"+kernel+".dmesg", log, 0o644); err != nil {
		t.Fatal(err)
	}
	inLog, inFile := make(map[string]int), make(map[string]int)
	for l, err := range kmemleak.Extract(bytes.NewReader(log)) {
		if err != nil {
			t.Errorf("%v at %v", err, l)
		}
		if l.Jiffies >= h.loaded {
			inLog[l.Fingerprint()] += 1 + l.More
		}
	}
	for _, l := range leaks {
		inFile[l.Fingerprint()]++
	}
	if diff := cmp.Diff(inFile, inLog); diff != "" {
		t.Errorf("leaks (-file +log):\n%s\n%s", diff, log)
	}
}

// dmesg gives the records of /dev/kmsg as dmesg prints them.
func dmesg(records []byte) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(string(records)) {
		prefix, text, ok := strings.Cut(line, ";")
		var level, sequence, time uint64
		if n, _ := fmt.Sscanf(prefix, "%d,%d,%d,", &level, &sequence, &time); !ok || n != 3 {
			continue // of the dictionary of the record before
		}
		fmt.Fprintf(&b, "[%5d.%06d] %s", time/1e6, time%1e6, text)
	}
	return b.Bytes()
}
