// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Pprof makes a profile of the leaks in a report or log, for "go tool pprof".
//
//	pprof report.txt build/ leaks.pb.gz && go tool pprof -http : leaks.pb.gz
package main

import (
	"cmp"
	"errors"
	"log"
	"os"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakprof"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: pprof REPORT FOLDER-WITH-MODULES PROFILE")
	}
	if err := makeProfile(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func makeProfile(report, folder, profile string) error {
	in, err := os.Open(report)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	var leaks []kmemleak.Leak
	var damage error
	for leak, err := range kmemleak.Extract(in) {
		if err != nil && !errors.Is(err, kmemleak.ErrFormat) && !errors.As(err, new(*kmemleak.Notice)) {
			return err
		}
		if leak.Addr != 0 || leak.Size != 0 {
			leaks = append(leaks, leak)
		}
		damage = cmp.Or(damage, err) // leaks may be missing: the profile will say so
	}
	s := kmemleak.Symbolizer{Dirs: []string{folder}}
	defer s.Close()
	out, err := os.Create(profile)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := leakprof.Write(out, leaks, &leakprof.Options{Symbolizer: &s, Time: info.ModTime(), Err: damage}); err != nil {
		return err
	}
	return out.Close()
}
