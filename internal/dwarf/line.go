// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"cmp"
	"slices"
)

// lineProgram is what is needed to run a line program from any place in it.
type lineProgram struct {
	o          *object
	s          *section
	encoding          // of the program, which may differ from the unit's
	start, end uint64 // in .debug_line: of the header, and behind the program
	code       uint64 // where the opcodes begin
	minInst    uint64
	maxOps     uint64
	lineBase   int8
	lineRange  uint8
	opcodeBase uint8
	reciprocal uint32  // 1<<16 by lineRange, rounded up
	operands   []uint8 // of the standard opcodes; nil if as in the standard
	// define is called for opcodes that add a file, with the cursor at its name.
	define func(c *cursor)
}

// registers is the state of a line program: the row that it would add next.
type registers struct {
	addr, op     uint64
	file, column uint64
	line         uint64
	live         bool // the address is that of code in the file

	last uint64 // address of the last row
	back bool   // a row had a lower address than the one before
}

func (p *lineProgram) reset() registers {
	return registers{file: 1, line: 1, live: p.o.d.zeroIsCode}
}

// The reasons why run stops.
type event uint8

const (
	eventRow  event = iota // a row is to be added
	eventEnd               // the sequence ends
	eventDone              // the program ends, or is damaged: then the cursor is bad
)

// run runs the program from the cursor until it adds its rows-th row, or the first one
// behind an extended opcode, or something else happens. It returns the number of rows
// that it added.
//
// This loop does all the work that depends on the size of the file, so everything that
// changes at every step is in local variables.
func (p *lineProgram) run(c *cursor, r *registers, rows int) (event, int) {
	b, base := c.s.bytes(c.off, c.end)
	off, addr, line, last := c.off-base, r.addr, r.line, r.last
	special, lineRange := p.opcodeBase, uint32(p.lineRange)
	n := 0
	for off < uint64(len(b)) {
		op := b[off]
		off++
		if op >= special {
			if lineRange == 0 {
				c.fail()
				return eventDone, n
			}
			// Divide by multiplying, which is exact for numbers this small.
			x := uint32(op - special)
			q := x * p.reciprocal >> 16
			line += uint64(int64(p.lineBase) + int64(x-q*lineRange))
			if p.maxOps <= 1 {
				addr += p.minInst * uint64(q)
			} else {
				r.addr = addr
				p.advance(r, uint64(q))
				addr = r.addr
			}
		} else {
			// With a case for each opcode this is one jump.
			switch op {
			case 1: // copy
			case 5: // set_column
				if off < uint64(len(b)) && b[off] < 0x80 {
					r.column = uint64(b[off])
					off++
					continue
				}
				c.off = base + off
				r.column = c.uleb()
				off = c.off - base
				continue
			case 0:
				// Discriminators are frequent, and of no interest.
				if off+3 < uint64(len(b)) && b[off] == 2 && b[off+1] == 4 {
					off += 3
					continue
				}
				c.off, r.addr, r.line, r.last = base+off, addr, line, last
				if p.extended(c, r) {
					return eventEnd, n
				}
				rows = n + 1
				off, addr = c.off-base, r.addr
				continue
			case 6, 7, 10, 11: // negate_stmt, set_basic_block, set_prologue_end, set_epilogue_begin
				if p.operands != nil {
					c.off = base + off
					p.skipOperands(c, op)
					off = c.off - base
				}
				continue
			case 3: // advance_line
				if off < uint64(len(b)) && b[off] < 0x80 {
					line += uint64(int64(b[off]<<1) << 56 >> 57)
					off++
					continue
				}
				if off+1 < uint64(len(b)) && b[off+1] < 0x80 {
					line += uint64((int64(b[off]&0x7f) | int64(b[off+1])<<7) << 50 >> 50)
					off += 2
					continue
				}
				c.off = base + off
				line += uint64(c.sleb())
				off = c.off - base
				continue
			case 2, 4, 8, 9, 12:
				c.off, r.addr = base+off, addr
				p.standard(c, r, op)
				off, addr = c.off-base, r.addr
				continue
			default:
				c.off = base + off
				p.skipOperands(c, op)
				off = c.off - base
				continue
			}
		}
		// A row is to be added.
		if addr < last {
			r.back = true
		}
		last = addr
		if n++; n >= rows {
			c.off, r.addr, r.line, r.last = base+off, addr, line, last
			return eventRow, n
		}
	}
	c.off, r.addr, r.line, r.last = base+off, addr, line, last
	return eventDone, n
}

// standard runs the less common standard opcodes.
func (p *lineProgram) standard(c *cursor, r *registers, op uint8) {
	switch op {
	case 2: // advance_pc
		if p.o.pairs {
			n, _ := c.relocatedULEB()
			p.advance(r, n)
		} else {
			p.advance(r, c.uleb())
		}
	case 4: // set_file
		r.file = c.uleb()
	case 8: // const_add_pc
		if p.lineRange != 0 {
			p.advance(r, uint64((255-p.opcodeBase)/p.lineRange))
		}
	case 9: // fixed_advance_pc
		n, _ := c.relocated(2)
		r.addr += n
		r.op = 0
	case 12: // set_isa
		c.uleb()
	}
}

// skipOperands skips the operands of an unknown standard opcode.
func (p *lineProgram) skipOperands(c *cursor, op uint8) {
	if int(op) < len(p.operands) {
		for range p.operands[op] {
			c.uleb()
		}
	}
}

// advance moves the address by n operations.
func (p *lineProgram) advance(r *registers, n uint64) {
	if p.maxOps <= 1 {
		r.addr += p.minInst * n
		return
	}
	r.addr += p.minInst * ((r.op + n) / p.maxOps)
	r.op = (r.op + n) % p.maxOps
}

// extended runs an extended opcode. It reports whether the sequence ends.
func (p *lineProgram) extended(c *cursor, r *registers) (end bool) {
	n := c.uleb()
	if c.bad || n == 0 || n > c.end-c.off {
		c.fail()
		return false
	}
	next := c.off + n
	switch op := c.u8(); op {
	case 1: // end_sequence
		end = true
	case 2: // set_address
		size := int(n - 1)
		if size != 4 && size != 8 {
			r.live = false
			break
		}
		addr, st := c.relocated(size)
		r.addr, r.op = addr, 0
		r.live = !p.o.d.dead(addr, st, size)
	case 3: // define_file
		if p.define != nil {
			p.define(c)
		}
	}
	c.off = next
	return end
}

// checkpoint is a place in a line program from which to run it: behind the opcode that
// added a row.
type checkpoint struct {
	addr   uint64
	off    uint32 // from the start of the table
	line   uint32
	file   uint32
	column uint16
	op     uint16
}

const checkpointSize = 24

// checkpointRows is the number of rows between two checkpoints. A lookup decodes half
// as many.
const checkpointRows = 48

// row is the line of the code from an address on.
type row struct {
	addr         uint64
	line         uint32
	file, column uint32
}

// sequence is a run of code whose rows have ascending addresses. It has the place of
// its first checkpoint, or rows of its own if the addresses do not ascend.
type sequence struct {
	first, last int32 // checkpoints, or rows if sorted
	sorted      bool
}

const sequenceSize = 12

// scan is one pass over a line program to find its sequences.
type scan struct {
	p           *lineProgram
	spans       []span // at is the index of the sequence
	sequences   []sequence
	checkpoints []checkpoint
	rows        []row // of sequences out of order
	err         error
}

// clear prepares for another program.
func (x *scan) clear() {
	*x = scan{spans: x.spans[:0], sequences: x.sequences[:0], checkpoints: x.checkpoints[:0], rows: x.rows[:0]}
}

// read finds the sequences of the program.
func (x *scan) read() {
	p := x.p
	c := p.s.cursor(p.code, p.end)
	r := p.reset()
	begin := c.off // of the sequence
	var lo uint64
	n := 0 // rows so far
	dead := false
	first := len(x.checkpoints)
	for {
		// run reports the next row that becomes a checkpoint.
		e, added := p.run(&c, &r, checkpointRows-(n+checkpointRows-1)%checkpointRows)
		n += added
		switch e {
		case eventRow:
			switch {
			case !r.live:
				dead = true
				continue
			case n == 1:
				lo = r.addr
			}
			if n%checkpointRows == 1 {
				x.checkpoints = append(x.checkpoints, r.checkpoint(c.off-p.start))
			}
			continue
		case eventEnd:
			switch {
			case n == 0 || dead || !r.live:
				x.checkpoints = x.checkpoints[:first]
			case r.back || r.addr < r.last:
				x.checkpoints = x.checkpoints[:first]
				x.sorted(begin, c.off, r.addr)
			case lo < r.addr:
				x.add(lo, r.addr, sequence{int32(first), int32(len(x.checkpoints)), false})
			default:
				x.checkpoints = x.checkpoints[:first]
			}
			r = p.reset()
			begin, n, dead, first = c.off, 0, false, len(x.checkpoints)
			continue
		}
		break
	}
	x.checkpoints = x.checkpoints[:first]
	if c.bad || n > 0 {
		x.err = p.s.errAt(c.off, "line program cut off")
	}
}

func (x *scan) add(lo, hi uint64, s sequence) {
	x.spans = append(x.spans, span{lo, hi, uint64(len(x.sequences))})
	x.sequences = append(x.sequences, s)
}

// sorted adds the sequence in [begin, end) of the program, whose rows are not in the
// order of their addresses. It ends at the address hi. Old assemblers wrote such
// sequences.
func (x *scan) sorted(begin, end, hi uint64) {
	p := x.p
	first := len(x.rows)
	c := p.s.cursor(begin, end)
	r := p.reset()
	for {
		if e, _ := p.run(&c, &r, 1); e != eventRow {
			break
		}
		x.rows = append(x.rows, r.row())
	}
	rows := x.rows[first:]
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.addr, b.addr) })
	if len(rows) == 0 || rows[0].addr >= hi {
		x.rows = x.rows[:first]
		return
	}
	x.add(rows[0].addr, hi, sequence{int32(first), int32(len(x.rows)), true})
}

func (r *registers) checkpoint(off uint64) checkpoint {
	x := r.row()
	return checkpoint{addr: x.addr, off: uint32(off), line: x.line, file: x.file, column: uint16(x.column), op: uint16(r.op)}
}

// row returns the row that is to be added. Compilers do not write numbers that do not
// fit; such numbers become an unknown line, file or column.
func (r *registers) row() row {
	x := row{addr: r.addr, file: noFile}
	if r.line <= 1<<31-1 {
		x.line = uint32(r.line)
	}
	if r.file < noFile {
		x.file = uint32(r.file)
	}
	if r.column <= 1<<16-1 {
		x.column = uint32(r.column)
	}
	return x
}

// noFile is the file number of a row whose file is not known.
const noFile = 1<<31 - 1
