// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// What users of a Resolver need from the packages below. They do not import these.
type (
	Finder = debugfile.Finder     // finds object files
	Server = debugfile.Debuginfod // downloads files that are not here
)

// EnvironmentServer returns the servers that the environment names, nil if it names none.
func EnvironmentServer() *Server { return debugfile.EnvironmentDebuginfod() }

// ModuleName returns a module's name as the kernel prints it, with '_' for '-'.
func ModuleName(s string) string { return debugfile.ModuleName(s) }

// BuildID returns the build ID in a note section of this machine's kernel, in hex; "" if
// there is none.
func BuildID(note []byte) string { return hex.EncodeToString(kobj.BuildID(note, binary.NativeEndian)) }
