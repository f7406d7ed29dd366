// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build nonet

package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

// The build tag nonet is for the guests of an initramfs: it leaves out what one can do
// elsewhere with what a guest has written.
var (
	refs  = leftOut("refs", "reading the memory of kernels", "write a dump of the guest with the emulator, and read that with -core")
	pprof = leftOut("pprof", "profiles", "write -format json in the guest, and make a profile of that")
)

// leftOut returns a command that this program does not have.
func leftOut(name, what, instead string) command {
	return command{
		name:  name,
		args:  "...",
		short: "not in this program, which was built for an initramfs",
		text:  "See kmemleak help " + name + " of the program without -nonet.",
		define: func(*flag.FlagSet) action {
			return func(context.Context, stdio, []string) (int, error) { return 0, leftOutError{what, instead} }
		},
	}
}

// A leftOutError is the answer to what this program was built without.
type leftOutError struct{ what, instead string }

func (e leftOutError) Error() string {
	return fmt.Sprintf("this program was built without %s (build tag nonet); use the program without -nonet (try: %s)", e.what, e.instead)
}

func (c *core) open(context.Context, stdio, *symbols) (kernelMemory, error) {
	return nil, leftOutError{"reading the memory of kernels", "read the dump elsewhere"}
}

func unpackBzip2(io.Reader) (io.ReadCloser, error) {
	return nil, leftOutError{"bzip2", "unpack it first, with bunzip2"}
}

func writeProfile(io.Writer, []kmemleak.Leak, *leakfmt.Options) error {
	return leftOutError{"profiles", "-format json here, and kmemleak pprof of that elsewhere"}
}

func writeMail(io.Writer, []kmemleak.Leak, *leakfmt.Options) error {
	return leftOutError{"mails", "-format json here, and kmemleak explain -format mail of that elsewhere"}
}
