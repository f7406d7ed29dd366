// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

var (
	// ErrContradicted: the vmlinux is of another build than the kernel in the image.
	ErrContradicted = errors.New("vmlinux is of another build")

	// ErrDamaged: data of the kernel makes no sense, such as a list that does not lead
	// back to its head.
	ErrDamaged = errors.New("damaged kernel data")

	// ErrNotScanned: kmemleak had not searched for leaks yet, so it knew of none.
	ErrNotScanned = errors.New("kmemleak has not scanned memory yet")
)

// space is what is needed of an [Image].
type space interface {
	ReadAt(p []byte, addr uint64) error // all of p is read, or there is an error
	Translate(addr uint64) (phys uint64, err error)
	Scan(ctx context.Context, fn func(addr uint64, b []byte)) error
	Ranges() iter.Seq[Range]
	Info() Info
}

// Kernel is the kernel in a memory image, read with its own debugging information. What
// a kernel does not have is known from that: there is no table of versions. All methods
// are safe for concurrent use.
type Kernel struct {
	// Progress, if not nil, is called about ten times a second while Refs and RefsWhere
	// search memory, with the number of bytes that were searched and that of all. It must not
	// be set while a method runs. Calls do not overlap.
	Progress func(done, total uint64)

	mem    space
	finder *debugfile.Finder
	file   *kobj.File
	debug  *dwarf.Data
	types  *types
	slide  uint64 // added to addresses of the file
	lo, hi uint64 // of the image in the file: _text and _end
	order  binary.ByteOrder
	word   int // bytes of a long

	symbolsOnce sync.Once
	symbols     symbolTable
	symbolsErr  error

	modulesMu   sync.Mutex
	modulesRead bool
	modules     []*module
	modulesErr  error

	frameMu    sync.Mutex
	frames     map[uint64]kmemleak.Frame
	backtraces map[string][]kmemleak.Frame // by their addresses

	depotOnce sync.Once
	depot     depot
	depotErr  error

	symbolizerOnce sync.Once
	made           *kmemleak.Symbolizer

	broken atomic.Bool // a file became shorter
}

// guard calls what a method does. If a file that is mapped becomes shorter meanwhile, what
// was read once is incomplete for good, so there are no answers any more.
func (k *Kernel) guard(fn func() error) error {
	if k.broken.Load() {
		return errShortened
	}
	err := guard(fn)
	if errors.Is(err, errShortened) {
		k.broken.Store(true)
	}
	return err
}

// openKernel reads what the file and the memory must agree on. It takes over the file.
func openKernel(mem space, file *kobj.File, slide uint64, finder *debugfile.Finder) (*Kernel, error) {
	debug, err := dwarf.New(file, nil)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	k := &Kernel{mem: mem, finder: finder, file: file, debug: debug, types: &types{Layouts: dwarf.NewLayouts(debug)}, slide: slide, order: file.Order, word: file.AddrSize(), frames: make(map[uint64]kmemleak.Frame)}
	if err := k.check(); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// Close closes the vmlinux. The image stays open.
func (k *Kernel) Close() error {
	errs := []error{k.debug.Close(), k.file.Close()}
	for _, m := range k.modules {
		if m.file != nil {
			errs = append(errs, m.file.close())
		}
	}
	if k.made != nil {
		errs = append(errs, k.made.Close())
	}
	return errors.Join(errs...)
}

// check compares the file with the memory.
func (k *Kernel) check() error {
	if k.file.Type == elf.ET_REL {
		return fmt.Errorf("%s: %w: not a kernel image", k.file.Name, kobj.ErrFormat)
	}
	if k.order != binary.ByteOrder(binary.LittleEndian) || k.word != 8 {
		return fmt.Errorf("%s: %w: only 64-bit little-endian kernels can be read", k.file.Name, errors.ErrUnsupported)
	}
	var ok bool
	if k.lo, _, ok = k.file.Value("_text"); !ok {
		return fmt.Errorf("%s: %w: no symbol _text: give the vmlinux that is not stripped", k.file.Name, kobj.ErrNoSymbols)
	}
	if k.hi, _, ok = k.file.Value("_end"); !ok || k.hi <= k.lo {
		return fmt.Errorf("%s: %w: no symbol _end behind _text", k.file.Name, kobj.ErrNoSymbols)
	}
	id := k.file.BuildID()
	got, err := k.buildID()
	switch {
	case err == nil && id != "" && got == id:
		return nil
	case err == nil && id != "":
		return fmt.Errorf("%w: the memory is of the kernel with build ID %s, %s has %s", ErrContradicted, got, k.file.Name, id)
	case id == "" && err == nil:
		err = errors.New("the file has no build ID")
	}
	if k.sameBanner() {
		return nil
	}
	return fmt.Errorf("%w, or lies elsewhere than thought: cannot compare %s (build ID %q) with the memory: %w", ErrContradicted, k.file.Name, id, err)
}

// Release returns the kernel release, as uname -r prints it, "" if it is not known.
func (k *Kernel) Release() string { return k.file.ImageRelease() }

// buildID reads the build ID that the kernel has in its memory.
func (k *Kernel) buildID() (string, error) {
	start, ok1 := k.symbol("__start_notes")
	end, ok2 := k.symbol("__stop_notes")
	if !ok1 || !ok2 || end <= start || end-start > 1<<16 {
		return "", errors.New("no symbols of the kernel's notes")
	}
	b := make([]byte, end-start)
	if err := k.mem.ReadAt(b, start); err != nil {
		return "", fmt.Errorf("the kernel's notes: %w", err)
	}
	id := kobj.BuildID(b, k.order)
	if id == nil {
		return "", errors.New("no build ID where the kernel's notes should be")
	}
	return hex.EncodeToString(id), nil
}

// sameBanner compares the texts that name the version, the compiler and the date.
func (k *Kernel) sameBanner() bool {
	addr, ok := k.symbol("linux_banner")
	want := k.contents(addr-k.slide, 1<<10)
	end := bytes.IndexByte(want, 0)
	if !ok || end < 32 {
		return false
	}
	got := make([]byte, end)
	return k.mem.ReadAt(got, addr) == nil && bytes.Equal(got, want[:end])
}

// contents returns what the file has at an address, at most n bytes; nil if it has
// nothing.
func (k *Kernel) contents(addr uint64, n uint64) []byte {
	s, off := k.file.SectionAt(addr)
	if s == nil {
		return nil
	}
	b, err := k.file.Contents(s)
	if err != nil || off >= uint64(len(b)) {
		return nil
	}
	return b[off:min(off+n, uint64(len(b)))]
}

// relocated returns where an address of the file is in memory. The addresses of per-CPU
// variables are not in the image on some machines, and not moved.
func (k *Kernel) relocated(addr uint64) uint64 {
	if addr < k.lo || addr > k.hi {
		return addr
	}
	return addr + k.slide
}

// symbol returns the address in memory of a symbol of the kernel image.
func (k *Kernel) symbol(name string) (uint64, bool) {
	v, absolute, ok := k.file.Value(name)
	if !ok || absolute {
		return v, ok
	}
	return k.relocated(v), true
}

// variable returns the address in memory and the type of a variable, by the debugging
// information of the source file that defines it.
func (k *Kernel) variable(name, source string) (uint64, *dwarf.Layout, error) {
	g, err := k.types.Variable(name, source)
	if err != nil {
		return 0, nil, err
	}
	if !g.Live {
		if addr, ok := k.symbol(name); ok {
			return addr, g.Type, nil
		}
		return 0, nil, fmt.Errorf("%w: no address of variable %s in %s", dwarf.ErrNotFound, name, k.file.Name)
	}
	return k.relocated(g.Addr), g.Type, nil
}

// has reports whether the file has a variable.
func (k *Kernel) has(name string) bool {
	_, ok := k.symbol(name)
	return ok
}

// long reads a long, which is as wide as a pointer.
func (k *Kernel) long(addr uint64) (uint64, error) {
	var b [8]byte
	if err := k.mem.ReadAt(b[:k.word], addr); err != nil {
		return 0, err
	}
	return number(b[:k.word]), nil
}

// value reads an integer variable of the kernel.
func (k *Kernel) value(name, source string) (uint64, error) {
	addr, t, err := k.variable(name, source)
	if err != nil {
		return 0, err
	}
	if t.Size == 0 || t.Size > 8 {
		return 0, fmt.Errorf("variable %s: %w: %v is no number", name, ErrDamaged, t)
	}
	b := make([]byte, t.Size)
	if err := k.mem.ReadAt(b, addr); err != nil {
		return 0, fmt.Errorf("variable %s: %w", name, err)
	}
	return number(b), nil
}

// number decodes a little-endian number.
func number(b []byte) uint64 {
	var n uint64
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	return n
}

// A field is a member of a structure that was looked up.
type field struct {
	off, size uint64
	start     uint // first bit, of bit fields
	bits      uint
	signed    bool
	ok        bool // the structure has it
}

// fieldOf looks a member up by its path.
func fieldOf(t *dwarf.Layout, path string) field {
	m, ok := t.Field(path)
	if !ok {
		return field{}
	}
	f := field{off: m.Offset, start: m.BitStart, bits: m.Bits, ok: true}
	if mt := m.Type(); mt != nil {
		f.size, f.signed = mt.Size, mt.Signed
	}
	if f.bits > 0 {
		f.size = uint64(f.start+f.bits+7) / 8
	}
	if f.off > t.Size || f.size > t.Size-f.off || f.bits > 0 && f.size > 8 {
		return field{} // damaged debugging information
	}
	return f
}

// in returns the number that a structure has in the field; 0 if the structure has no such
// field.
func (f field) in(b []byte) uint64 {
	if !f.ok || f.size > 8 || f.off+f.size > uint64(len(b)) {
		return 0
	}
	n := number(b[f.off : f.off+f.size])
	if f.bits > 0 {
		return n >> f.start & (1<<f.bits - 1)
	}
	if f.signed {
		shift := 64 - 8*f.size
		return uint64(int64(n<<shift) >> shift)
	}
	return n
}

// text returns the field as a string that ends with NUL.
func (f field) text(b []byte) string {
	if !f.ok || f.off+f.size > uint64(len(b)) {
		return ""
	}
	s, _, _ := bytes.Cut(b[f.off:f.off+f.size], []byte{0})
	return string(s)
}

// structOf returns a structure and fields of it, all of which it must have.
func (k *Kernel) structOf(name, source string, need map[string]*field) (*dwarf.Layout, error) {
	t, err := k.types.Struct(name, source)
	if err != nil {
		return nil, err
	}
	var missing []string
	for path, f := range need {
		if *f = fieldOf(t, path); !f.ok {
			missing = append(missing, path)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return nil, fmt.Errorf("struct %s of this kernel (%s): %w: it has no %v", name, k.file.Name, errors.ErrUnsupported, missing)
	}
	if t.Size == 0 || t.Size > 1<<20 {
		return nil, fmt.Errorf("struct %s in %s: %w: size of %d bytes", name, k.file.Name, ErrDamaged, t.Size)
	}
	return t, nil
}

// maxProblems is how many errors of single objects are told.
const maxProblems = 16

// problems are the errors of single objects. There may be as many as objects.
type problems struct {
	errs []error
	more int
}

func (p *problems) add(err error) {
	switch {
	case err == nil:
	case len(p.errs) < maxProblems:
		p.errs = append(p.errs, err)
	default:
		p.more++
	}
}

func (p *problems) err() error {
	if p.more > 0 {
		return errors.Join(append(slices.Clone(p.errs), fmt.Errorf("and %d more errors of this kind", p.more))...)
	}
	return errors.Join(p.errs...)
}

// checkContext returns the error of ctx every so often.
func checkContext(ctx context.Context, i int) error {
	if i%1024 != 0 {
		return nil
	}
	return ctx.Err()
}
