// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Investigate is a script for one question: what does this command leak? It runs the
// command some times, as root on a kernel with kmemleak, and prints which places lost
// memory. What is lost in every run is a leak of the command; what is lost once may be
// a leak of anything else.
//
//	investigate -n 5 sh -c 'modprobe snd-dummy && modprobe -r snd-dummy'
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

func main() {
	log.SetFlags(0)
	runs := flag.Int("n", 3, "run the command `times`")
	flag.Parse()
	if flag.NArg() == 0 {
		log.Fatal("usage: investigate [-n times] COMMAND [ARGUMENT...]")
	}
	if err := investigate(*runs, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func investigate(runs int, command []string) error {
	if err := kmemleak.MountDebugfs(""); err != nil {
		return err
	}
	var d kmemleak.Detector
	if err := d.Probe(); err != nil { // why nobody can look here, and what to do
		return err
	}
	now, err := d.Snapshot()
	if err != nil {
		return err
	}
	var failed error
	found, err := d.During(context.Background(), func() {
		for i := 0; i < runs && failed == nil; i++ {
			cmd := exec.Command(command[0], command[1:]...)
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			failed = cmd.Run()
		}
	})
	if failed != nil {
		return failed
	}
	s := kmemleak.Symbolizer{Modules: now.Modules}
	defer s.Close()
	o := leakfmt.Options{Symbolizer: &s, Err: err}
	if err := leakfmt.Text(os.Stdout, found.Leaks, &o); err != nil {
		return err
	}
	for _, g := range kmemleak.Groups(found.Leaks) {
		fmt.Printf("%.1f times a run: %s\n", float64(g.Count)/float64(runs), leakfmt.Owner(g.Example, &o))
	}
	return err
}
