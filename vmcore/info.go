// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"encoding/binary"
	"maps"
)

// Info tells what an image is of.
type Info struct {
	Source     string            // the file that it was read from
	Format     string            // such as "ELF core"
	Live       bool              // whether it is the running kernel, whose memory changes
	GOARCH     string            // the architecture of the kernel as Go calls it: amd64, arm64 or 386
	ByteOrder  binary.ByteOrder  // of the kernel
	PageSize   uint64            // in bytes
	Vmcoreinfo map[string]string // the lines of VMCOREINFO by what stands before their first "="; nil without one
	Release    string            // OSRELEASE of VMCOREINFO, or the release that linux_banner has; "" if unknown
	BuildID    string            // of the kernel, in hexadecimal; "" if unknown

	// Relocated reports whether Offset is known. Offset is what the running kernel has
	// added to the addresses of its symbols (KASLR), modulo 2^64.
	Relocated bool
	Offset    uint64
}

// Info returns what the image is of.
func (m *Image) Info() Info {
	m.mu.RLock()
	defer m.mu.RUnlock()
	info := m.info
	info.Vmcoreinfo = maps.Clone(info.Vmcoreinfo)
	return info
}
