// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import "debug/elf"

// relocOp is what a relocation type does to a number.
type relocOp struct {
	kind  opKind
	width uint8 // bytes of the number, or widthULEB
}

type opKind uint8

const (
	opUnknown opKind = iota
	opIgnore         // leaves the number alone
	opSet            // S + A
	opAdd            // V + S + A, where V is the number already there
	opSub            // V - S - A
	opSubA           // S - A
	opSet6           // S + A in the low six bits
	opAdd6           // V + S + A in the low six bits
	opSub6           // V - S - A in the low six bits
)

const widthULEB = 0xff

// do computes the relocated number; the caller truncates it.
func (op relocOp) do(v, s, a uint64) (uint64, bool) {
	switch op.kind {
	case opSet:
		return s + a, true
	case opAdd:
		return v + s + a, true
	case opSub:
		return v - s - a, true
	case opSubA:
		return s - a, true
	case opSet6:
		return v&^0x3f | (s+a)&0x3f, true
	case opAdd6:
		return v&^0x3f | (v+s+a)&0x3f, true
	case opSub6:
		return v&^0x3f | (v-s-a)&0x3f, true
	}
	return v, false
}

// The types that occur in debug sections, by machine. Numbers that package elf has no
// name for are from the processors' ABI documents.
var (
	relocX86 = map[uint32]relocOp{
		uint32(elf.R_X86_64_64):  {opSet, 8},
		uint32(elf.R_X86_64_32):  {opSet, 4},
		uint32(elf.R_X86_64_32S): {opSet, 4},
		uint32(elf.R_X86_64_16):  {opSet, 2},
		uint32(elf.R_X86_64_8):   {opSet, 1},
	}
	reloc386 = map[uint32]relocOp{
		uint32(elf.R_386_32): {opSet, 4},
		uint32(elf.R_386_16): {opSet, 2},
		uint32(elf.R_386_8):  {opSet, 1},
	}
	relocARM = map[uint32]relocOp{
		uint32(elf.R_ARM_ABS32): {opSet, 4},
		uint32(elf.R_ARM_ABS16): {opSet, 2},
		uint32(elf.R_ARM_ABS8):  {opSet, 1},
	}
	relocARM64 = map[uint32]relocOp{
		256:                         {opIgnore, 0}, // R_AARCH64_NONE as an older ABI numbered it
		uint32(elf.R_AARCH64_ABS64): {opSet, 8},
		uint32(elf.R_AARCH64_ABS32): {opSet, 4},
		uint32(elf.R_AARCH64_ABS16): {opSet, 2},
	}
	relocPPC64 = map[uint32]relocOp{
		uint32(elf.R_PPC64_ADDR64):  {opSet, 8},
		uint32(elf.R_PPC64_UADDR64): {opSet, 8},
		uint32(elf.R_PPC64_ADDR32):  {opSet, 4},
		uint32(elf.R_PPC64_UADDR32): {opSet, 4},
	}
	relocPPC = map[uint32]relocOp{
		uint32(elf.R_PPC_ADDR32):  {opSet, 4},
		uint32(elf.R_PPC_UADDR32): {opSet, 4},
	}
	relocS390 = map[uint32]relocOp{
		uint32(elf.R_390_64): {opSet, 8},
		uint32(elf.R_390_32): {opSet, 4},
		uint32(elf.R_390_16): {opSet, 2},
		uint32(elf.R_390_8):  {opSet, 1},
	}
	relocMIPS = map[uint32]relocOp{
		uint32(elf.R_MIPS_32): {opSet, 4},
		uint32(elf.R_MIPS_64): {opSet, 8},
	}
	relocSPARC = map[uint32]relocOp{
		uint32(elf.R_SPARC_8):    {opSet, 1},
		uint32(elf.R_SPARC_16):   {opSet, 2},
		uint32(elf.R_SPARC_32):   {opSet, 4},
		uint32(elf.R_SPARC_64):   {opSet, 8},
		uint32(elf.R_SPARC_UA16): {opSet, 2},
		uint32(elf.R_SPARC_UA32): {opSet, 4},
		uint32(elf.R_SPARC_UA64): {opSet, 8},
	}
	relocRISCV = map[uint32]relocOp{
		uint32(elf.R_RISCV_32):    {opSet, 4},
		uint32(elf.R_RISCV_64):    {opSet, 8},
		uint32(elf.R_RISCV_ADD8):  {opAdd, 1},
		uint32(elf.R_RISCV_ADD16): {opAdd, 2},
		uint32(elf.R_RISCV_ADD32): {opAdd, 4},
		uint32(elf.R_RISCV_ADD64): {opAdd, 8},
		uint32(elf.R_RISCV_SUB8):  {opSub, 1},
		uint32(elf.R_RISCV_SUB16): {opSub, 2},
		uint32(elf.R_RISCV_SUB32): {opSub, 4},
		uint32(elf.R_RISCV_SUB64): {opSub, 8},
		uint32(elf.R_RISCV_SUB6):  {opSub6, 1},
		uint32(elf.R_RISCV_SET6):  {opSet6, 1},
		uint32(elf.R_RISCV_SET8):  {opSet, 1},
		uint32(elf.R_RISCV_SET16): {opSet, 2},
		uint32(elf.R_RISCV_SET32): {opSet, 4},
		60:                        {opSet, widthULEB}, // R_RISCV_SET_ULEB128
		61:                        {opSub, widthULEB}, // R_RISCV_SUB_ULEB128
		uint32(elf.R_RISCV_RELAX): {opIgnore, 0},
		uint32(elf.R_RISCV_ALIGN): {opIgnore, 0},
	}
	relocLoong = map[uint32]relocOp{
		uint32(elf.R_LARCH_32):          {opSet, 4},
		uint32(elf.R_LARCH_64):          {opSet, 8},
		uint32(elf.R_LARCH_ADD8):        {opAdd, 1},
		uint32(elf.R_LARCH_ADD16):       {opAdd, 2},
		uint32(elf.R_LARCH_ADD24):       {opAdd, 3},
		uint32(elf.R_LARCH_ADD32):       {opAdd, 4},
		uint32(elf.R_LARCH_ADD64):       {opAdd, 8},
		uint32(elf.R_LARCH_SUB8):        {opSub, 1},
		uint32(elf.R_LARCH_SUB16):       {opSub, 2},
		uint32(elf.R_LARCH_SUB24):       {opSub, 3},
		uint32(elf.R_LARCH_SUB32):       {opSub, 4},
		uint32(elf.R_LARCH_SUB64):       {opSub, 8},
		uint32(elf.R_LARCH_ADD6):        {opAdd6, 1},
		uint32(elf.R_LARCH_SUB6):        {opSub6, 1},
		uint32(elf.R_LARCH_ADD_ULEB128): {opAdd, widthULEB},
		uint32(elf.R_LARCH_SUB_ULEB128): {opSub, widthULEB},
		uint32(elf.R_LARCH_RELAX):       {opIgnore, 0},
		uint32(elf.R_LARCH_ALIGN):       {opIgnore, 0},
	}
)

// relocOps returns the operations of the relocation types of the file's machine. Type 0
// is "none" on all machines: ld -r leaves it for discarded code or data.
func (f *File) relocOps() []relocOp {
	var m map[uint32]relocOp
	switch f.Machine {
	case elf.EM_X86_64:
		m = relocX86
	case elf.EM_386:
		m = reloc386
	case elf.EM_ARM:
		m = relocARM
	case elf.EM_AARCH64:
		m = relocARM64
	case elf.EM_PPC64:
		m = relocPPC64
	case elf.EM_PPC:
		m = relocPPC
	case elf.EM_S390:
		m = relocS390
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
		m = relocMIPS
	case elf.EM_SPARCV9, elf.EM_SPARC, elf.EM_SPARC32PLUS:
		m = relocSPARC
	case elf.EM_RISCV:
		m = relocRISCV
	case elf.EM_LOONGARCH:
		m = relocLoong
	}
	ops := make([]relocOp, 1, 64)
	ops[0].kind = opIgnore
	for typ, op := range m {
		if n := int(typ) + 1 - len(ops); n > 0 {
			ops = append(ops, make([]relocOp, n)...)
		}
		ops[typ] = op
	}
	if f.Machine == elf.EM_MIPS || f.Machine == elf.EM_MIPS_RS3_LE {
		ops = append(ops, make([]relocOp, max(0, int(elf.R_MIPS_SUB)+1-len(ops)))...)
		ops[elf.R_MIPS_SUB] = relocOp{opSubA, uint8(f.AddrSize())}
	}
	return ops
}
