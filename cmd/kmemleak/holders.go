// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/vmcore"
)

// maxHolders is how many references to an object explain writes.
const maxHolders = 3

func (o *openCore) holders(ctx context.Context, std stdio, leaks []kmemleak.Leak) (func(io.Writer) error, error) {
	var found []vmcore.Referrers
	write := func(w io.Writer) error { return writeHolders(w, leaks, found) }
	if len(leaks) == 0 {
		return write, nil
	}
	defer std.progress.clear()
	showSearch(std, o.kernel)
	var addrs []uint64
	for _, g := range kmemleak.Groups(leaks) {
		addrs = append(addrs, g.Example.Addr)
	}
	var err error
	found, err = o.kernel.Refs(ctx, addrs...)
	return write, err
}

// writeHolders writes who points to one object of each place that leaks.
func writeHolders(w io.Writer, leaks []kmemleak.Leak, found []vmcore.Referrers) error {
	var b strings.Builder
	for i, g := range kmemleak.Groups(leaks) {
		if i == len(found) {
			break // the error says why
		}
		l, r := g.Example, &found[i]
		if i > 0 {
			b.WriteByte('\n')
		}
		switch {
		case r.Object.Size == 0:
			fmt.Fprintf(&b, "in this memory 0x%x is no object: the leak was freed, or the report is of another boot\n", l.Addr)
		case r.Object.Fate(l) == kmemleak.FateFreed:
			fmt.Fprintf(&b, "in this memory 0x%x is another object: the leak was freed, or the report is of another boot\n", l.Addr)
		default:
			b.WriteString("in this memory, ")
			describeRefs(&b, r, maxHolders, false)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
