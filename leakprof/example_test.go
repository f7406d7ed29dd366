// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakprof_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakprof"
)

// A profile is a plain value, which a program can examine before writing it.
func ExampleNew() {
	file, err := os.Open("../testdata/reports/hello_kernel-6.12-x86_64.txt")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	leaks, err := kmemleak.Parse(file)
	if err != nil {
		log.Fatal(err)
	}
	s := kmemleak.Symbolizer{Release: "6.12", Dirs: []string{"../testdata/modules/hello_kernel/6.12-x86_64"}}
	defer s.Close()
	p := leakprof.New(leaks, &leakprof.Options{Symbolizer: &s})
	if err := p.RemoveUninteresting(); err != nil { // as pprof does
		log.Fatal(err)
	}
	for _, sample := range p.Sample {
		at := sample.Location[0].Line[0]
		fmt.Printf("%d objects, %d bytes of %s: %s %s:%d\n", sample.Value[0], sample.Value[1], sample.Label["module"][0],
			at.Function.Name, filepath.Base(at.Function.Filename), at.Line)
	}
	// Output:
	// 1 objects, 4096 bytes of hello_kernel: myfunc hello.c:29
	// 1 objects, 4096 bytes of hello_kernel: myfunc hello.c:30
	// 1 objects, 4096 bytes of hello_kernel: myfunc hello.c:31
	// 5 objects, 320 bytes of hello_kernel: greeting_alloc hello.c:36
}
