// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"strconv"
	"strings"
)

// vmcoreinfo is what a kernel says about itself for readers of its dumps, one line a key:
// kernel/vmcore_info.c.
type vmcoreinfo map[string]string

// vmcoreinfoMagic is how VMCOREINFO begins.
const vmcoreinfoMagic = "OSRELEASE="

// maxVmcoreinfo is the largest size of a VMCOREINFO, in bytes. The kernel has one page.
const maxVmcoreinfo = 64 << 10

func parseVmcoreinfo(text []byte) vmcoreinfo {
	info := make(vmcoreinfo)
	for line := range strings.Lines(string(text[:min(len(text), maxVmcoreinfo)])) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\n\x00"), "="); ok {
			info[key] = value
		}
	}
	return info
}

// symbol returns the address of a symbol, as the running kernel had it.
func (v vmcoreinfo) symbol(name string) (uint64, bool) { return v.hex("SYMBOL(" + name + ")") }

// hex returns a number that the kernel writes in base 16, with 0x in front or without.
func (v vmcoreinfo) hex(key string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(v[key], "0x"), 16, 64)
	return n, err == nil
}

// number returns a number that the kernel writes in base 10, or in base 16 with 0x in
// front. Negative ones are in two's complement.
func (v vmcoreinfo) number(name string) (uint64, bool) {
	s := v["NUMBER("+name+")"]
	if n, err := strconv.ParseUint(s, 0, 64); err == nil {
		return n, true
	}
	n, err := strconv.ParseInt(s, 0, 64)
	return uint64(n), err == nil
}
