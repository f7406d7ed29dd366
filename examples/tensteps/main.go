// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build linux

// Tensteps does by itself what the kmemleak tutorials do by hand, as root on a
// kernel with kmemleak: mount debugfs, forget earlier leaks, load a module,
// wait, scan twice, read the report, and print the source lines.
//
//	tensteps hello-kernel.ko
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
	"golang.org/x/sys/unix"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: tensteps MODULE.ko")
	}
	if err := tenSteps(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func tenSteps(module string) error {
	if err := kmemleak.MountDebugfs(""); err != nil {
		return err
	}
	var d kmemleak.Detector
	scan := func() error { return d.Scan(context.Background()) }
	for _, step := range []func() error{
		d.Probe,                                  // can we look at all?
		func() error { return d.SetAutoScan(0) }, // no scans but ours
		d.Clear,
		func() error { return load(module) },
		func() error { time.Sleep(6 * time.Second); return nil }, // younger objects are not reported
		scan, // notes the checksums of what nothing points to
		scan, // reports what has not changed since
	} {
		if err := step(); err != nil {
			return err
		}
	}
	now, err := d.Snapshot()
	if err != nil {
		return err
	}
	s := kmemleak.Symbolizer{Dirs: []string{module}, Modules: now.Modules}
	defer s.Close()
	var leaks []kmemleak.Leak
	for leak, err := range d.Leaks() {
		if err != nil {
			return err
		}
		leaks = append(leaks, leak)
	}
	return leakfmt.Text(os.Stdout, leaks, &leakfmt.Options{Symbolizer: &s})
}

func load(module string) error {
	file, err := os.Open(module)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil {
		return fmt.Errorf("load %s: %w", module, err)
	}
	return nil
}
