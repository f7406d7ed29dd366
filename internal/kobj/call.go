// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"strings"
	"sync"
)

// CallKind says what the code in front of an address reveals about calls.
type CallKind uint8

const (
	CallUnknown  CallKind = iota // the code is not in the file, or not understood
	CallNone                     // no call ends at the address
	CallIndirect                 // a call may end there, but the code does not name the callee
	CallDirect                   // a call of Callee ends there
)

// Call is the evidence for a call.
type Call struct {
	Kind CallKind

	// Self reports whether the address is that of the call itself. Backtraces of such
	// machines have that address.
	Self bool

	// For a direct call: the name of the callee in the file's symbol table. Section is nil
	// if the callee is not in this file.
	Callee  string
	Section *Section
	Offset  uint64
}

// code caches the relocations of executable sections.
type code struct {
	mu     sync.Mutex
	relocs map[int]*relocs
}

func (f *File) codeRelocs(s *Section) *relocs {
	if f.Linked() {
		return nil
	}
	f.code.mu.Lock()
	defer f.code.mu.Unlock()
	r, ok := f.code.relocs[s.Index]
	if !ok {
		if f.code.relocs == nil {
			f.code.relocs = make(map[int]*relocs)
		}
		// A section without relocations is still code.
		r, _ = f.relocsOf(s)
		f.code.relocs[s.Index] = r
	}
	return r
}

// CallBefore returns the evidence in the code for a call whose return address is at off
// in s.
func (f *File) CallBefore(s *Section, off uint64) Call {
	b, err := f.Contents(s)
	if err != nil || b == nil || off > uint64(len(b)) || !s.executable() {
		return Call{}
	}
	p := f.codePart(s, b, off-min(off, aroundCall), off+aroundCall)
	defer p.done()
	c := site{f: f, s: s, b: p.b, base: p.base, off: off}
	switch f.Machine {
	case elf.EM_X86_64, elf.EM_386:
		return c.x86()
	case elf.EM_AARCH64:
		return c.fixed(4, func(op uint32) CallKind {
			switch {
			case op&0xfc000000 == 0x94000000: // bl
				return CallDirect
			case op&0xfefff800 == 0xd63f0800, op&0xfffffc1f == 0xd63f0000: // blraa and relatives, blr
				return CallIndirect
			}
			return CallNone
		}, 26, 4)
	case elf.EM_ARM:
		return c.arm()
	case elf.EM_PPC64, elf.EM_PPC:
		return c.fixed(4, func(op uint32) CallKind {
			switch {
			case op&0xfc000003 == 0x48000001: // bl
				return CallDirect
			case op>>26 == 16 && op&1 == 1, // bcl
				op>>26 == 19 && op&1 == 1 && (op>>1&0x3ff == 16 || op>>1&0x3ff == 528): // bclrl, bcctrl
				return CallIndirect
			}
			return CallNone
		}, 0, 0)
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
		return c.fixed(8, func(op uint32) CallKind { // the call has a delay slot
			switch {
			case op>>26 == 3: // jal
				return CallDirect
			case op>>26 == 0 && op&0x3f == 9, op>>26 == 1 && op>>16&0x1e == 0x10: // jalr, bgezal and bltzal
				return CallIndirect
			}
			return CallNone
		}, 0, 0)
	case elf.EM_LOONGARCH:
		return c.fixed(4, func(op uint32) CallKind {
			switch {
			case op>>26 == 0x15: // bl
				return CallDirect
			case op>>26 == 0x13 && op&0x1f == 1: // jirl ra
				return CallIndirect
			}
			return CallNone
		}, 0, 0)
	case elf.EM_S390:
		return c.s390()
	case elf.EM_RISCV:
		return c.riscv()
	case elf.EM_SPARCV9, elf.EM_SPARC, elf.EM_SPARC32PLUS:
		return c.sparc()
	}
	return Call{}
}

// site is a place in code that is examined.
type site struct {
	f   *File
	s   *Section
	b   []byte // the section, or a part of it
	off uint64 // of the return address

	base uint64 // where b is in the section
}

// aroundCall is more than any machine looks at in front of an address, and behind it.
const aroundCall = 32

// back returns the n bytes in front of the return address, or nil if there are fewer.
func (c *site) back(n uint64) []byte {
	if n > c.off {
		return nil
	}
	return c.b[c.off-c.base-n : c.off-c.base]
}

// callee looks for a relocation of the instruction n bytes before the return address.
// Its field is skip bytes into the instruction. A pc-relative relocation counts from
// its field; adjust makes up for that.
func (c *site) callee(n, skip uint64, adjust uint64) (Call, bool) {
	r := c.f.codeRelocs(c.s)
	if r == nil {
		return Call{}, false
	}
	at := c.off - n + skip
	for _, t := range r.tables {
		i, order := t.find(at)
		for k := 0; k < maxStacked && i+k < t.n && t.at(i+k, order) == at; k++ {
			e := t.entry(i+k, order)
			sym, ok := t.syms.at(int(e.sym))
			if !ok || e.sym == 0 {
				continue
			}
			if !t.rela {
				e.addend = c.f.addendInCode(c.b, at-c.base)
			}
			return c.f.named(t.syms, sym, e.addend+adjust), true
		}
	}
	return Call{}, false
}

// addendInCode returns the addend of a call's relocation on machines that keep it in
// the instruction.
func (f *File) addendInCode(b []byte, off uint64) uint64 {
	if off > uint64(len(b)) || uint64(len(b))-off < 4 {
		return 0
	}
	v := f.Order.Uint32(b[off:])
	switch f.Machine {
	case elf.EM_ARM: // words, signed, in the low 24 bits
		return uint64(int64(int32(v<<8)) >> 8 * 4)
	case elf.EM_MIPS: // words in the low 26 bits
		return uint64(v&0x3ffffff) * 4
	}
	return uint64(int64(int32(v)))
}

// named returns the direct call of a symbol plus an offset.
func (f *File) named(t *symtab, sym rawSymbol, plus uint64) Call {
	c := Call{Kind: CallDirect}
	if sym.section > 0 {
		s, off := &f.sections[sym.section], sym.value+plus
		if o := f.symbols.opd; o != nil && s == o.section {
			if cs, in, ok := o.code(sym.value); ok {
				s, off = cs, in
			}
		}
		c.Section, c.Offset = s, off
	}
	if sym.typ() != elf.STT_SECTION {
		c.Callee = string(t.name(sym.name))
	}
	if c.Callee == "" && c.Section != nil {
		// For a local function, assemblers name the section.
		c.Callee = f.nameAt(c.Section, c.Offset)
	}
	return c
}

// nameAt returns the name of the first symbol that is exactly at a place.
func (f *File) nameAt(s *Section, off uint64) string {
	t, err := f.symbolTable()
	if err != nil {
		return ""
	}
	if x := f.symbolIndex(t); x != nil {
		if sym, ok := f.SymbolAt(s, off); ok && sym.Section == s && sym.Offset == off {
			return sym.Name
		}
		return ""
	}
	value := off
	if f.Linked() {
		value += s.Addr
	}
	for i := 0; i < t.n; i++ {
		if f.symbols.opd == nil {
			if i = t.between(i, value, value+1); i == t.n { // Thumb symbols have the lowest bit set
				break
			}
		}
		if raw, sec, at, ok := f.codePlace(t, i); ok && sec == s && at == off {
			if name := t.name(raw.name); f.visible(name) > varies {
				return string(name)
			}
		}
	}
	return ""
}

// local returns the direct call of a place in this file's code, at a distance from the
// return address. If there is no code, it is not a call.
func (c *site) local(distance uint64) Call {
	s, off := c.s, c.off+distance
	if c.f.Linked() {
		if c.s.Addr+off == 0 {
			return Call{Kind: CallIndirect} // of a symbol that the linker did not find
		}
		s, off = c.f.SectionAt(c.s.Addr + off)
		if s == nil || !s.executable() {
			return Call{Kind: CallNone}
		}
	} else if off >= s.Size {
		return Call{Kind: CallNone}
	}
	return Call{Kind: CallDirect, Callee: c.f.nameAt(s, off), Section: s, Offset: off}
}

// fixed handles machines whose calls are one instruction of four bytes, n bytes before
// the return address. If bits is not 0, the instruction's low bits are the distance in
// units of scale.
func (c *site) fixed(n uint64, kind func(uint32) CallKind, bits, scale uint) Call {
	b := c.back(n)
	if b == nil || c.off%4 != 0 {
		return Call{Kind: CallNone}
	}
	op := c.f.Order.Uint32(b)
	if c.f.Machine == elf.EM_AARCH64 || c.f.Machine == elf.EM_LOONGARCH {
		// Instructions are little-endian in every file.
		op = uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	}
	k := kind(op)
	if k == CallNone && op == c.f.nop() {
		// The kernel turns nops into calls when it traces functions.
		return Call{}
	}
	if k == CallIndirect && c.f.Machine == elf.EM_LOONGARCH {
		// pcaddu18i and jirl together are a direct call, with one relocation.
		if b := c.back(8); b != nil && b[3]>>1 == 0x0f {
			if call, ok := c.callee(8, 0, 0); ok {
				return call
			}
			high := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
			if high&0x1f == op>>5&0x1f {
				return c.linked(c.s.Addr + c.off - 8 + uint64(int64(int32(high<<7)>>12)<<18) + uint64(int64(int32(op<<6)>>16)<<2))
			}
		}
	}
	if k != CallDirect {
		return Call{Kind: k}
	}
	if call, ok := c.callee(n, 0, 0); ok {
		return call
	}
	if bits == 0 {
		return c.linked(c.target(op, n))
	}
	shift := 64 - bits
	distance := uint64(int64(uint64(op)<<shift)>>shift) * uint64(scale)
	return c.local(distance - n)
}

// target returns the address that a direct call in a linked file goes to, whose
// instruction is n bytes before the return address.
func (c *site) target(op uint32, n uint64) uint64 {
	at := c.s.Addr + c.off - n
	switch c.f.Machine {
	case elf.EM_PPC64, elf.EM_PPC: // words in 24 bits, signed
		return at + uint64(int64(int32(op<<6))>>6&^3)
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE: // words in 26 bits, within the 256 MB of the delay slot
		return (at+4)&^0xfffffff | uint64(op&0x3ffffff)<<2
	case elf.EM_LOONGARCH: // words in 26 bits, signed, the high ones last
		return at + uint64(int64(int32(op<<22|op>>10&0xffff<<6))>>6*4)
	}
	return 0
}

// linked returns the direct call of an address in a linked file. If no function begins
// there, the linker may have put in a stub, and the callee is not known.
func (c *site) linked(addr uint64) Call {
	if c.f.AddrSize() == 4 {
		addr = uint64(uint32(addr))
	}
	if s, off := c.f.SectionAt(addr); c.f.Linked() && s != nil && s.executable() {
		entries := []uint64{0}
		if c.f.Machine == elf.EM_PPC64 {
			entries = []uint64{0, 8, 4, 16, 32, 64} // behind the setting of r2 (local entry point in the ELFv2 ABI)
		}
		for _, skip := range entries {
			if skip > off {
				continue
			}
			if name := c.f.nameAt(s, off-skip); name != "" {
				return Call{Kind: CallDirect, Callee: name, Section: s, Offset: off - skip}
			}
		}
	}
	return Call{Kind: CallIndirect}
}

// nop returns the instruction that does nothing, on machines with instructions of four
// bytes. It returns 0 for other machines.
func (f *File) nop() uint32 {
	switch f.Machine {
	case elf.EM_AARCH64:
		return 0xd503201f
	case elf.EM_PPC64, elf.EM_PPC:
		return 0x60000000
	case elf.EM_LOONGARCH:
		return 0x03400000
	}
	return 0
}

// arm handles 32-bit ARM code. Thumb code is neither recognized nor understood.
func (c *site) arm() Call {
	b := c.back(4)
	if b == nil || c.off%4 != 0 {
		return Call{}
	}
	op := c.f.Order.Uint32(b)
	switch {
	case op&0x0f000000 == 0x0b000000 && op>>28 != 0xf: // bl
		// The distance counts from two instructions ahead.
		if call, ok := c.callee(4, 0, 8); ok {
			return call
		}
		distance := uint64(int64(int32(op<<8))>>8) * 4
		return c.local(distance + 4)
	case op&0x0ffffff0 == 0x012fff30: // blx register
		return Call{Kind: CallIndirect}
	}
	return Call{}
}

// s390 handles code whose instructions have two, four or six bytes.
func (c *site) s390() Call {
	if b := c.back(6); b != nil && b[0] == 0xc0 && b[1] == 0x04 { // brcl that never branches
		return Call{}
	}
	if b := c.back(6); b != nil && b[0] == 0xc0 && b[1]&0xf == 5 { // brasl
		if call, ok := c.callee(6, 2, ^uint64(1)); ok { // the distance counts from two bytes before the field
			return call
		}
		distance := uint64(int64(int32(c.f.Order.Uint32(b[2:])))) * 2
		return c.local(distance - 6)
	}
	if b := c.back(4); b != nil && (b[0] == 0xa7 && b[1]&0xf == 5 || b[0] == 0x4d) { // bras, bas
		return Call{Kind: CallIndirect}
	}
	if b := c.back(2); b != nil && (b[0] == 0x0d || b[0] == 0x0c) { // basr, bassm
		return Call{Kind: CallIndirect}
	}
	return Call{Kind: CallNone}
}

// riscv handles code whose instructions have two or four bytes, little-endian.
func (c *site) riscv() Call {
	if b := c.back(8); b != nil {
		auipc := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		jalr := uint32(b[4]) | uint32(b[5])<<8 | uint32(b[6])<<16 | uint32(b[7])<<24
		if auipc&0x7f == 0x17 && jalr&0xfff == 0x0e7 { // auipc, jalr ra
			if call, ok := c.callee(8, 0, 0); ok {
				return call
			}
			if auipc>>7&0x1f != jalr>>15&0x1f {
				return Call{Kind: CallIndirect}
			}
			return c.linked(c.s.Addr + c.off - 8 + uint64(int64(int32(auipc&^0xfff))+int64(int32(jalr)>>20)))
		}
	}
	if b := c.back(4); b != nil {
		op := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		switch op & 0xfff {
		case 0x0ef: // jal ra
			if call, ok := c.callee(4, 0, 0); ok {
				return call
			}
			distance := int32(op)>>31<<20 | int32(op&0xff000|op>>9&0x800|op>>20&0x7fe)
			return c.linked(c.s.Addr + c.off - 4 + uint64(int64(distance)))
		}
		if op == 0x00000013 { // nop
			return Call{}
		}
		if op&0xfff == 0x0e7 || op&0x707f == 0x0067 && op>>7&0x1f == 1 { // jalr ra
			return Call{Kind: CallIndirect}
		}
	}
	if b := c.back(2); b != nil {
		op := uint16(b[0]) | uint16(b[1])<<8
		if op&0xf07f == 0x9002 && op>>7&0x1f != 0 { // c.jalr
			return Call{Kind: CallIndirect}
		}
		if c.f.AddrSize() == 4 && op&0xe003 == 0x2001 { // c.jal, in 32-bit code only
			return Call{Kind: CallIndirect}
		}
		if op == 0x0001 { // c.nop
			return Call{}
		}
	}
	return Call{Kind: CallNone}
}

// sparc handles code whose calls leave their own address in a register; the callee
// returns to that address plus 8.
func (c *site) sparc() Call {
	if c.off%4 != 0 || c.off+4 > c.base+uint64(len(c.b)) {
		return Call{Kind: CallNone}
	}
	op := c.f.Order.Uint32(c.b[c.off-c.base:])
	switch {
	case op>>30 == 1: // call
		call, ok := c.callee(0, 0, 0)
		if !ok {
			call = c.local(uint64(int64(int32(op << 2))))
		}
		call.Self = true
		return call
	case op>>30 == 2 && op>>19&0x3f == 0x38 && op>>25&0x1f == 15: // jmpl %o7
		return Call{Kind: CallIndirect, Self: true}
	}
	return Call{Kind: CallNone}
}

// indirectThunk reports whether name is that of a retpoline, which calls the address in
// its register.
func indirectThunk(name string) bool {
	return strings.HasPrefix(name, "__x86_indirect_") || strings.HasPrefix(name, "__x86_retpoline_")
}
