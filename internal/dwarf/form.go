// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import "github.com/kmemleak/kmemleak/internal/kobj"

// Attribute forms: how a value is encoded. Section 7.5.6 of DWARF 5; those from
// 0x1f00 on are GNU extensions of DWARF 4.
const (
	formAddr          = 0x01
	formBlock2        = 0x03
	formBlock4        = 0x04
	formData2         = 0x05
	formData4         = 0x06
	formData8         = 0x07
	formString        = 0x08
	formBlock         = 0x09
	formBlock1        = 0x0a
	formData1         = 0x0b
	formFlag          = 0x0c
	formSdata         = 0x0d
	formStrp          = 0x0e
	formUdata         = 0x0f
	formRefAddr       = 0x10
	formRef1          = 0x11
	formRef2          = 0x12
	formRef4          = 0x13
	formRef8          = 0x14
	formRefUdata      = 0x15
	formIndirect      = 0x16
	formSecOffset     = 0x17
	formExprloc       = 0x18
	formFlagPresent   = 0x19
	formStrx          = 0x1a
	formAddrx         = 0x1b
	formRefSup4       = 0x1c
	formStrpSup       = 0x1d
	formData16        = 0x1e
	formLineStrp      = 0x1f
	formRefSig8       = 0x20
	formImplicitConst = 0x21
	formLoclistx      = 0x22
	formRnglistx      = 0x23
	formRefSup8       = 0x24
	formStrx1         = 0x25
	formStrx2         = 0x26
	formStrx3         = 0x27
	formStrx4         = 0x28
	formAddrx1        = 0x29
	formAddrx2        = 0x2a
	formAddrx3        = 0x2b
	formAddrx4        = 0x2c
	formGNUAddrIndex  = 0x1f01
	formGNUStrIndex   = 0x1f02
	formGNURefAlt     = 0x1f20
	formGNUStrpAlt    = 0x1f21
)

// Results of formSize for forms whose size is part of the value.
const (
	sizeLEB     = -1 - iota // a LEB128 number
	sizeString              // up to a NUL
	sizeBlock1              // a length of 1, 2, 4 bytes, or a LEB128 number, and that many bytes
	sizeBlock2              //
	sizeBlock4              //
	sizeBlock               //
	sizeAny                 // the form precedes the value
	sizeUnknown             // not known
)

// encoding is what the sizes of values depend on.
type encoding struct {
	version  uint16
	addrSize uint8 // 4 or 8
	offSize  uint8 // 4 or 8
}

// formSize returns the size of a value in bytes, or one of the negative codes.
func (e encoding) formSize(form uint16) int8 {
	switch form {
	case formFlagPresent, formImplicitConst:
		return 0
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		return 1
	case formData2, formRef2, formStrx2, formAddrx2:
		return 2
	case formStrx3, formAddrx3:
		return 3
	case formData4, formRef4, formStrx4, formAddrx4, formRefSup4:
		return 4
	case formData8, formRef8, formRefSig8, formRefSup8:
		return 8
	case formData16:
		return 16
	case formAddr:
		return int8(e.addrSize)
	case formRefAddr:
		if e.version == 2 {
			return int8(e.addrSize)
		}
		return int8(e.offSize)
	case formStrp, formSecOffset, formLineStrp, formStrpSup, formGNURefAlt, formGNUStrpAlt:
		return int8(e.offSize)
	case formSdata, formUdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx,
		formGNUAddrIndex, formGNUStrIndex:
		return sizeLEB
	case formString:
		return sizeString
	case formBlock1:
		return sizeBlock1
	case formBlock2:
		return sizeBlock2
	case formBlock4:
		return sizeBlock4
	case formBlock, formExprloc:
		return sizeBlock
	case formIndirect:
		return sizeAny
	}
	return sizeUnknown
}

// skipSized skips a value whose size is a result of formSize.
func (e encoding) skipSized(c *cursor, size int8) {
	switch size {
	case sizeLEB:
		c.uleb()
	case sizeString:
		c.skipString()
	case sizeBlock1:
		c.skip(uint64(c.u8()))
	case sizeBlock2:
		c.skip(c.uint(2))
	case sizeBlock4:
		c.skip(c.uint(4))
	case sizeBlock:
		c.skip(c.uleb())
	case sizeAny:
		// A form that is indirect once more, or whose value is in the abbreviation, makes no
		// sense here.
		form := c.uleb()
		if form == formIndirect || form == formImplicitConst || form > 0xffff {
			c.fail()
			return
		}
		e.skipSized(c, e.formSize(uint16(form)))
	case sizeUnknown:
		c.fail()
	default:
		c.skip(uint64(size))
	}
}

// value is an attribute's value that is not decoded yet: its form and its offset in the
// section. An implicit constant has the constant in place of the offset. The zero value
// is a missing attribute.
type value struct {
	off  uint64
	form uint16
}

// constant returns a number. Differences of addresses are relocated on machines whose
// linker changes the size of code.
func (s *section) constant(v value) (uint64, bool) {
	switch v.form {
	case formData1, formFlag:
		return s.relocatedConstant(v.off, 1)
	case formData2:
		return s.relocatedConstant(v.off, 2)
	case formData4:
		return s.relocatedConstant(v.off, 4)
	case formData8:
		return s.relocatedConstant(v.off, 8)
	case formUdata:
		n, _, st, ok := s.relocatedULEB(v.off)
		return n, ok && st != kobj.Unknown
	case formSdata:
		n, _, ok := s.sleb(v.off)
		return uint64(n), ok
	case formImplicitConst:
		return v.off, true
	case formFlagPresent:
		return 1, true
	}
	return 0, false
}

func (s *section) relocatedConstant(off uint64, size int) (uint64, bool) {
	n, st, ok := s.relocated(off, size)
	return n, ok && st != kobj.Unknown
}

// offset returns a value that is an offset into another section.
func (s *section) offset(v value, offSize uint8) (uint64, bool) {
	size := int(offSize)
	switch v.form {
	case formData4:
		size = 4
	case formData8:
		size = 8
	case formSecOffset, formStrp, formLineStrp, formStrpSup, formGNUStrpAlt, formGNURefAlt:
	default:
		return 0, false
	}
	return s.relocatedConstant(v.off, size)
}

// index returns the index into one of the tables of strings or addresses.
func (s *section) index(v value) (uint64, bool) {
	switch v.form {
	case formStrx, formAddrx, formRnglistx, formGNUStrIndex, formGNUAddrIndex:
		n, _, ok := s.uleb(v.off)
		return n, ok
	case formStrx1, formAddrx1:
		return s.uint(v.off, 1)
	case formStrx2, formAddrx2:
		return s.uint(v.off, 2)
	case formStrx3, formAddrx3:
		return s.uint(v.off, 3)
	case formStrx4, formAddrx4:
		return s.uint(v.off, 4)
	}
	return 0, false
}
