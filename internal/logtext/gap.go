// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import "bytes"

// StartsBoot reports whether a line is the first of another boot: what a kernel
// prints first, or what journalctl puts between boots.
func (s *Subject) StartsBoot(b []byte) bool {
	if len(b) > 0 && b[0] == '-' && (bytes.HasPrefix(b, []byte("-- Reboot --")) || bytes.HasPrefix(b, []byte("-- Boot "))) {
		return true
	}
	const start = "Linux version "
	if bytes.IndexByte(b, 'L') < 0 || !bytes.Contains(b, []byte(start)) {
		return false
	}
	_, text := s.Strip(b)
	version, ok := bytes.CutPrefix(TrimLeft(text), []byte(start))
	return ok && len(version) > 0 && isDigit(version[0])
}
