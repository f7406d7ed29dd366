// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import "sync"

// unpackedFiles keeps unpacked contents, because files are opened repeatedly.
type unpackedFiles struct {
	mu    sync.Mutex
	files map[packedFile]*unpackedFile
	size  int    // bytes of all
	clock uint64 // counts uses
}

// packedFile is a packed file as long as nobody writes to it.
type packedFile struct {
	path    string
	size    int64
	modTime int64 // in nanoseconds
}

type unpackedFile struct {
	b    []byte
	err  error  // why there are no contents
	used uint64 // clock at the last use
}

// maxKept is how many bytes of unpacked contents are kept. A distribution's modules
// have 10 to 500 KB without debugging information.
const maxKept = 256 << 20

// get returns the contents of a file, or the error for it, if they are kept.
func (u *unpackedFiles) get(key packedFile) (b []byte, known bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	file := u.files[key]
	if file == nil {
		return nil, false, nil
	}
	u.clock++
	file.used = u.clock
	return file.b, true, file.err
}

// put keeps the contents of a file, or the error for it, in place of the least recently
// used ones.
func (u *unpackedFiles) put(key packedFile, b []byte, err error) {
	if err != nil {
		b = nil
	}
	if len(b) > maxKept/2 {
		return // it would displace too much
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.files == nil {
		u.files = make(map[packedFile]*unpackedFile)
	}
	if old := u.files[key]; old != nil {
		u.size -= len(old.b) // somebody else was quicker
	}
	u.clock++
	u.files[key] = &unpackedFile{b, err, u.clock}
	u.size += len(b)
	for u.size > maxKept {
		var oldest packedFile
		for k, file := range u.files {
			if o := u.files[oldest]; o == nil || file.used < o.used {
				oldest = k
			}
		}
		u.size -= len(u.files[oldest].b)
		delete(u.files, oldest)
	}
}
