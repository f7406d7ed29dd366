// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The dumps in testdata are cut out of real ones: their headers, their notes, and the pages that
// facts looks at. Beside each there is a file with the symbols of its kernel that facts
// needs, and one with the facts. The names say how they were written:
//
//	go test ./vmcore -run TestFacts -cut NAME=DUMP=VMLINUX
var cutFlag = flag.String("cut", "", "cut testdata/`NAME=DUMP=VMLINUX` out of a dump, with the symbols of a vmlinux or of a list of them")

// factSymbols are the symbols that facts looks up.
var factSymbols = []string{
	"linux_banner", "_stext", "swapper_pg_dir", "init_top_pgt", "init_uts_ns", "page_offset_base", "memstart_addr",
	"vmcoreinfo_data", "vmcoreinfo_size", "__start_notes", "__stop_notes",
}

// A fact is what is known of a kernel's memory.
type fact struct {
	Format, GOARCH, Release, BuildID string
	PageSize                         uint64
	Offset                           string
	Vmcoreinfo                       int // lines
	Levels                           int // of page tables
	Banner, System                   string
	Linear                           string // where the linear map has the banner
	LinearReads                      bool   // whether it can be read there
	Unmapped                         string // the error of reading where nothing is
}

// facts finds out what a dump has.
func facts(m *Image, symbols map[string]uint64) (fact, error) {
	look := func(name string) (uint64, bool) { addr, ok := symbols[name]; return addr, ok }
	if err := m.Relocate(look); err != nil {
		return fact{}, err
	}
	info := m.Info()
	f := fact{
		Format: info.Format, GOARCH: info.GOARCH, Release: info.Release, BuildID: info.BuildID,
		PageSize: info.PageSize, Offset: fmt.Sprintf("%#x", info.Offset), Vmcoreinfo: len(info.Vmcoreinfo),
		Levels: len(m.table.steps),
	}
	text := func(addr uint64) (string, error) {
		b := make([]byte, 128)
		err := m.ReadAt(b, addr)
		b, _, _ = bytes.Cut(b, []byte{0})
		return string(b), err
	}
	var err, more error
	f.Banner, err = text(symbols["linux_banner"] + info.Offset)
	f.System, more = text(symbols["init_uts_ns"] + info.Offset)
	phys, most := m.Translate(symbols["linux_banner"] + info.Offset)
	if err := errors.Join(err, more, most); err != nil {
		return f, err
	}
	if addr, ok := m.Linear(phys); ok {
		again, _ := text(addr)
		f.Linear, f.LinearReads = fmt.Sprintf("%#x", addr), again == f.Banner
	}
	if _, err := text(symbols["_stext"] + info.Offset - 1<<12); err != nil {
		f.Unmapped = err.Error()
	}
	return f, nil
}

func TestFacts(t *testing.T) {
	if *cutFlag != "" {
		cut(t, *cutFlag)
	}
	files, err := filepath.Glob("testdata/*.gz")
	if err != nil || len(files) == 0 {
		t.Fatal("no dumps: ", err)
	}
	for _, name := range files {
		name = strings.TrimSuffix(name, ".gz")
		t.Run(filepath.Base(name), func(t *testing.T) {
			m, err := openBytes(t, fixture(t, name))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			got, err := facts(m, readSymbols(t, name+".symbols"))
			if err != nil {
				t.Error(err)
			}
			b, err := os.ReadFile(name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want fact
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// fixture returns a dump of testdata.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readSymbols reads the symbols of a kernel, from its ELF file or from lines of an address and
// a name.
func readSymbols(t testing.TB, name string) map[string]uint64 {
	t.Helper()
	all := make(map[string]uint64)
	if f, err := elf.Open(name); err == nil {
		defer f.Close()
		symbols, err := f.Symbols()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range symbols {
			if slices.Contains(factSymbols, s.Name) {
				all[s.Name] = s.Value
			}
		}
		return all
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var addr uint64
		var symbol string
		if _, err := fmt.Sscanf(line, "%x %s", &addr, &symbol); err != nil {
			t.Fatal(err)
		}
		all[symbol] = addr
	}
	return all
}

// A recorder keeps the pages that are read.
type recorder struct {
	memory
	page uint64
	mu   sync.Mutex
	seen map[uint64]bool
}

func (r *recorder) read(p []byte, addr uint64) error {
	err := r.memory.read(p, addr)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		for at := addr &^ (r.page - 1); at < addr+uint64(len(p)); at += r.page {
			r.seen[at] = true
		}
	}
	return err
}

// load reads all of memory to find a page: only that one is kept.
func (r *recorder) load(p []byte, addr uint64) error {
	err := r.memory.load(p, addr)
	for at := 0; err == nil && at < len(p); at += 4096 {
		if bytes.HasPrefix(p[at:], []byte(vmcoreinfoMagic)) {
			err = r.read(p[at:at+1], addr+uint64(at))
		}
	}
	return err
}

// cut writes a dump of testdata, in the format of the one that it is cut out of.
func cut(t *testing.T, what string) {
	parts := strings.Split(what, "=")
	if len(parts) != 3 {
		t.Fatal("-cut is NAME=DUMP=VMLINUX")
	}
	name := filepath.Join("testdata", parts[0])
	symbols := readSymbols(t, parts[2])
	m, err := Open(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r := &recorder{memory: m.memory, page: 4096, seen: make(map[uint64]bool)}
	dump, packed := m.memory.(*kdump)
	if packed {
		r.page = dump.block
	}
	m.memory = r
	got, err := facts(m, symbols)
	if err != nil {
		t.Fatal(err)
	}
	addrs := slices.Sorted(maps.Keys(r.seen))
	var b []byte
	if packed {
		b = cutKdump(t, dump, addrs)
		if dump.file.flat != nil {
			b = flatten(b, 4096)
		}
	} else {
		b = cutELF(t, r.memory.(*elfCore), addrs)
	}
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
	w.Write(b)
	w.Close()
	list := ""
	for _, symbol := range slices.Sorted(maps.Keys(symbols)) {
		list += fmt.Sprintf("%x %s\n", symbols[symbol], symbol)
	}
	text, _ := json.MarshalIndent(got, "", "  ")
	for suffix, b := range map[string][]byte{".gz": z.Bytes(), ".symbols": []byte(list), ".json": append(text, '\n')} {
		if err := os.WriteFile(name+suffix, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s: %d pages, %d bytes, %d packed", name, len(addrs), len(b), z.Len())
}

// cutELF keeps the headers and the notes of an ELF core, and some pages.
func cutELF(t *testing.T, c *elfCore, addrs []uint64) []byte {
	head := make([]byte, 64)
	if err := c.file.readAt(head, 0); err != nil {
		t.Fatal(err)
	}
	d := &dump{machine: uint16(c.arch), notes: rawNotes(c.notes), pages: make(map[uint64][]byte)}
	for _, addr := range addrs {
		d.pages[addr] = make([]byte, 4096)
		if err := c.read(d.pages[addr], addr); err != nil {
			t.Fatal(err)
		}
	}
	b := d.elf()
	copy(b, head[:32]) // all but what says how many pages there are
	return b
}

// rawNotes writes notes.
func rawNotes(notes []note) []byte {
	var b []byte
	for _, n := range notes {
		name := append([]byte(n.name), 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(name)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(n.desc)))
		b = binary.LittleEndian.AppendUint32(b, n.kind)
		b = append(b, name...)
		b = append(b, make([]byte, -len(b)&3)...)
		b = append(b, n.desc...)
		b = append(b, make([]byte, -len(b)&3)...)
	}
	return b
}

// cutKdump keeps the headers and notes of a dump in the compressed format, and some pages as they
// are packed.
func cutKdump(t *testing.T, d *kdump, addrs []uint64) []byte {
	start := uint64(d.descs)
	b := make([]byte, start)
	for at := 0; at < len(b); at += 4 {
		_ = d.file.readAt(b[at:at+4], int64(at)) // pieces leave gaps
	}
	// Both bitmaps end where the descriptors begin.
	le := binary.LittleEndian
	at := kdumpHeader64
	if !d.wide {
		at = kdumpHeader32
	}
	size := uint64(le.Uint32(b[at+12:])) / 2 * d.block
	clear(b[start-2*size:])
	for _, bitmap := range [][]byte{b[start-2*size : start-size], b[start-size:]} {
		for _, addr := range addrs {
			bitmap[addr/d.block/8] |= 1 << (addr / d.block % 8)
		}
	}
	var data []byte
	offset := start + uint64(len(addrs))*descSize
	for _, addr := range addrs {
		desc := make([]byte, descSize)
		if err := d.file.readAt(desc, d.descs+int64((d.rank(addr/d.block)-d.skip)*descSize)); err != nil {
			t.Fatal(err)
		}
		packed := make([]byte, le.Uint32(desc[8:]))
		if err := d.file.readAt(packed, int64(le.Uint64(desc))); err != nil {
			t.Fatal(err)
		}
		le.PutUint64(desc, offset+uint64(len(data)))
		b = append(b, desc...)
		data = append(data, packed...)
	}
	return append(b, data...)
}
