// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"encoding/binary"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// patch changes a file: each record of the script is the number of a section, an offset
// in it, and the new bytes.
func patch(file []byte, script []byte) {
	f, err := kobj.New(slices.Clone(file), "unpatched")
	if err != nil {
		return
	}
	var targets []*kobj.Section
	for i := range f.Sections() {
		s := &f.Sections()[i]
		if strings.Contains(s.Name, "debug_") && !strings.Contains(s.Name, "truth") {
			targets = append(targets, s)
		}
	}
	for len(script) > 4 && len(targets) > 0 {
		s := targets[int(script[0])%len(targets)]
		off := uint64(binary.LittleEndian.Uint16(script[1:]))
		n := min(int(script[3]), len(script)-4)
		if s.Size > 0 {
			at := s.Offset + off%s.Size
			if at < uint64(len(file)) {
				copy(file[at:], script[4:4+n])
			}
		}
		script = script[4+n:]
	}
}

// FuzzLookup looks up addresses in damaged files: nothing may panic or hang,
// and memory stays within the multiple of the file that the package promises.
func FuzzLookup(f *testing.F) {
	var files [][]byte
	for i, name := range fixtures(f, modules) {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		files = append(files, b)
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{1, 9, 0, 2, 0xff, 0xff})
		f.Add(uint8(i), []byte{0, 12, 0, 4, 0xff, 0xff, 0xff, 0x7f, 3, 20, 0, 1, 0})
	}
	f.Fuzz(func(t *testing.T, which uint8, script []byte) {
		b := slices.Clone(files[int(which)%len(files)])
		patch(b, script)
		file, err := kobj.New(b, "patched")
		if err != nil {
			return
		}
		d, err := New(file, nil)
		if err != nil {
			return
		}
		size := uint64(len(b))
		for _, name := range sectionNames {
			if data, err := file.Debug(name); err == nil && data != nil {
				size += uint64(len(data.Bytes()))
			}
		}
		checkBounds(t, d, size)
	})
}

// checkBounds looks up addresses in all of a file's code, in bounded time and memory. The
// size is that of all its debug sections, unpacked.
func checkBounds(t *testing.T, d *Data, size uint64) {
	// A hang would pass unnoticed when the time for fuzzing is over.
	hang := time.AfterFunc(10*time.Second, func() {
		debug.SetTraceback("all")
		panic("hang")
	})
	defer hang.Stop()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	lookups := 0
	for _, s := range text(d.file) {
		for off := uint64(0); off < s.Size && lookups < 200; off += 1 + s.Size/20 {
			lookups++
			checkAnswers(t, d, s.Addr+off)
		}
	}
	runtime.ReadMemStats(&after)
	if got := uint64(d.cache.size); got > 32*size+1<<16 {
		t.Errorf("%d bytes kept of a file of %d", got, size)
	}
	// Results are counted here too.
	if got := after.TotalAlloc - before.TotalAlloc; got > 64*size+uint64(lookups)<<17 {
		t.Errorf("%d bytes allocated for %d lookups in a file of %d", got, lookups, size)
	}
}

// checkAnswers calls all lookups for an address and checks what holds for every result.
func checkAnswers(t *testing.T, d *Data, pc uint64) {
	if vars, _ := d.Variables(pc); len(vars) > maxVariables {
		t.Errorf("%d variables at %#x", len(vars), pc)
	}
	loc, err := d.Lookup(pc)
	if (err == nil) != (len(loc.Frames) > 0) {
		t.Errorf("%#x: %d frames and error %v", pc, len(loc.Frames), err)
	}
	for i, f := range loc.Frames {
		if f.Inlined != (i < len(loc.Frames)-1) {
			t.Errorf("%#x: frame %d of %+v", pc, i, loc.Frames)
		}
		if f.Line < 0 || f.Column < 0 {
			t.Errorf("%#x: negative position in %+v", pc, f)
		}
	}
	if loc.High != 0 && (pc < loc.Low || pc >= loc.High) {
		t.Errorf("%#x is not in [%#x, %#x)", pc, loc.Low, loc.High)
	}
	fn, err := d.Function(pc)
	if err == nil && len(fn.Calls) > 0 {
		_, _ = d.CallSite(fn.Calls[0].Return)
	}
}
