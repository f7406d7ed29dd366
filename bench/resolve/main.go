// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Resolve is the smallest program that symbolizes on all processors. It reads frames,
// one per line, and prints the functions and places of each. Its argument is the object
// file. It exists to compare its time and memory with those of other programs.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kmemleak/kmemleak"
)

func main() {
	s := kmemleak.Symbolizer{Dirs: os.Args[1:]}
	var frames []kmemleak.Frame
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		f, err := kmemleak.ParseFrame(in.Text())
		if err != nil {
			log.Fatal(err)
		}
		frames = append(frames, f)
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
	pos := make([][]kmemleak.Pos, len(frames))
	var next atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= len(frames) {
					return
				}
				var err error
				if pos[i], err = s.Resolve(frames[i]); err != nil {
					log.Print(err)
				}
			}
		})
	}
	all.Wait()
	out := bufio.NewWriter(os.Stdout)
	for _, chain := range pos {
		for _, p := range chain {
			fmt.Fprintf(out, "%s\n%s:%d:%d\n", p.Func, p.RawFile, p.Line, p.Column)
		}
		fmt.Fprintln(out)
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
