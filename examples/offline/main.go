// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Offline reads a report on another machine than the one that leaked. Modules are
// elsewhere in memory after each boot, and gone when they are unloaded, so their
// addresses must be saved in time:
//
//	offline > modules.json                         there, as root, with the modules loaded
//	cat /sys/kernel/debug/kmemleak > report.txt    there
//	offline modules.json build/ report.txt         here, with the modules and vmlinux in build/
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

func main() {
	log.SetFlags(0)
	var err error
	switch len(os.Args) {
	case 1:
		err = note(os.Stdout)
	case 4:
		err = read(os.Stdout, os.Args[1], os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("usage: offline >MODULES.json, or offline MODULES.json FOLDER REPORT")
	}
	if err != nil {
		log.Fatal(err)
	}
}

func note(w io.Writer) error {
	snapshot, err := new(kmemleak.Detector).Snapshot()
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(snapshot)
}

func read(w io.Writer, modules, folder, report string) error {
	text, err := os.ReadFile(modules)
	if err != nil {
		return err
	}
	var snapshot kmemleak.Snapshot
	if err := json.Unmarshal(text, &snapshot); err != nil {
		return fmt.Errorf("%s: %w", modules, err)
	}
	file, err := os.Open(report)
	if err != nil {
		return err
	}
	defer file.Close()
	leaks, err := kmemleak.Parse(file) // or kmemleak.Extract, out of any log
	s := kmemleak.Symbolizer{Release: snapshot.Release, Modules: snapshot.Modules, Dirs: []string{folder}}
	defer s.Close()
	return leakfmt.Text(w, leaks, &leakfmt.Options{Symbolizer: &s, Err: err})
}
