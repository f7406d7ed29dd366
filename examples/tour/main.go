// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Tour shows, on any system and without privileges, what the library does with a
// report: it reads one that a real kernel printed, looks the frames up in the
// module that leaked, and prints each leak with the lines that led to it.
package main

import (
	"encoding/json"
	"io"
	"log"
	"os"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
	"github.com/kmemleak/kmemleak/testdata"
)

func main() {
	log.SetFlags(0)
	if err := tour(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func tour(w io.Writer) error {
	// The module and the report are part of this program; a Symbolizer needs files.
	dir, err := os.MkdirTemp("", "tour")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, testdata.Hello); err != nil {
		return err
	}
	report, err := os.Open(dir + "/reports/hello_kernel-6.12-x86_64.txt")
	if err != nil {
		return err
	}
	defer report.Close()

	s := kmemleak.Symbolizer{Dirs: []string{dir + "/modules/hello_kernel/6.12-x86_64"}}
	defer s.Close()
	// Where the module was in memory, saved while it was loaded. It resolves the bare
	// addresses in the report.
	snapshot, err := os.ReadFile(dir + "/reports/hello_kernel-6.12-x86_64.modules.json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(snapshot, &s.Modules); err != nil {
		return err
	}

	leaks, err := kmemleak.Parse(report)
	if err != nil {
		return err
	}
	return leakfmt.Text(w, leaks, &leakfmt.Options{Symbolizer: &s})
}
