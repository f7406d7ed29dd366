// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

// report has two leaks of one place, with the places from the module's file.
func report() (leaks []kmemleak.Leak, s *kmemleak.Symbolizer) {
	file, err := os.Open("../testdata/reports/hello_kernel-6.12-x86_64.txt")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	leaks, err = kmemleak.Parse(file)
	if err != nil {
		log.Fatal(err)
	}
	return leaks[:2], &kmemleak.Symbolizer{Release: "6.12", Dirs: []string{"../testdata/modules/hello_kernel/6.12-x86_64"}}
}

func ExampleText() {
	leaks, s := report()
	defer s.Close()
	o := leakfmt.Options{Symbolizer: s, Detail: leakfmt.Brief, MaxFrames: 5}
	if err := leakfmt.Text(os.Stdout, leaks, &o); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 2 leaks, 8192 bytes in all
	//   2 leaks, 8192 bytes: myfunc [hello_kernel] at /usr/src/kmemleak/hello_kernel/hello.c:29 ×1, :30 ×1
	//     allocated by thread 663 ("test")
	//       kmemleak_vmalloc+0x25/0x80
	//       __vmalloc_node_range_noprof+0x691/0x730
	//       vmalloc_noprof+0x3c/0x50
	//     → myfunc+0xa/0x20 [hello_kernel]  /usr/src/kmemleak/hello_kernel/hello.c:29
	//       hello_init [hello_kernel]       /usr/src/kmemleak/hello_kernel/hello.c:64  recovered
	//       and 6 lines more
	//   recovered  the kernel had lost the name and printed a bare address
}

// An error is never the same as no leaks.
func ExampleText_couldNotLook() {
	leaks, err := []kmemleak.Leak(nil), fmt.Errorf("%w: booted with kmemleak=off", kmemleak.ErrDisabled)
	if err := leakfmt.Text(os.Stdout, leaks, &leakfmt.Options{Err: err}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// could not look for leaks: kmemleak is switched off: booted with kmemleak=off
}

// Node_exporter's textfile collector reads files at any time, so a new file must
// replace the old one as a whole.
func ExampleOpenMetrics() {
	leaks, s := report()
	defer s.Close()
	dir, err := os.MkdirTemp("", "textfile")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	file, err := os.CreateTemp(dir, "kmemleak-")
	if err != nil {
		log.Fatal(err)
	}
	name := filepath.Join(dir, "kmemleak.prom")
	err = leakfmt.OpenMetrics(file, leaks, &leakfmt.Options{Symbolizer: s})
	if err := errors.Join(err, file.Close()); err != nil {
		log.Fatal(err)
	}
	if err := os.Rename(file.Name(), name); err != nil {
		log.Fatal(err)
	}

	text, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			fmt.Print(line)
		}
	}
	// Output:
	// kmemleak_success 1
	// kmemleak_leaked_objects{fingerprint="2a2b3f2db5b8094b",module="hello_kernel",owner="myfunc"} 2
	// kmemleak_leaked_objects{fingerprint="",module="",owner=""} 0
	// kmemleak_leaked_bytes{fingerprint="2a2b3f2db5b8094b",module="hello_kernel",owner="myfunc"} 8192
	// kmemleak_leaked_bytes{fingerprint="",module="",owner=""} 0
}
