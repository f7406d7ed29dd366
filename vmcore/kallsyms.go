// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"fmt"
	"sort"
	"sync"
)

// symbolTable is the table of symbols from which the kernel itself names addresses
// (kernel/kallsyms.c), so that names, offsets and sizes are those that it prints.
type symbolTable struct {
	k       *Kernel
	addrs   []uint64 // ascending
	names   uint64   // where the packed names are
	markers []uint32 // where every 256th name is
	tokens  [256]string
	end     uint64 // of the image

	mu     sync.Mutex
	blocks map[int][]byte // of 256 packed names
}

const (
	maxSymbols   = 1 << 23
	nameBlock    = 256
	maxNameBlock = nameBlock * (512 + 2)
	tokenTable   = 1 << 16
	maxSymbolic  = 512 // bytes of a name, KSYM_NAME_LEN
)

// kernelSymbols returns the table, which is read once.
func (k *Kernel) kernelSymbols() (*symbolTable, error) {
	k.symbolsOnce.Do(func() {
		k.symbols = symbolTable{k: k, end: k.hi + k.slide, blocks: make(map[int][]byte)}
		if err := k.symbols.load(); err != nil {
			k.symbolsErr = fmt.Errorf("symbols of the kernel in the image: %w", err)
		}
	})
	return &k.symbols, k.symbolsErr
}

// constant reads what never changes: from the file, since memory may be damaged or missing,
// or from memory if the file has debugging information alone.
func (k *Kernel) constant(p []byte, addr uint64) error {
	if b := k.contents(addr-k.slide, uint64(len(p))); len(b) == len(p) {
		copy(p, b)
		return nil
	}
	return k.mem.ReadAt(p, addr)
}

// load finds the table by the symbols of the file.
func (s *symbolTable) load() error {
	k := s.k
	table := make(map[string]uint64)
	for _, name := range []string{"kallsyms_num_syms", "kallsyms_names", "kallsyms_markers", "kallsyms_token_table", "kallsyms_token_index", "kallsyms_offsets"} {
		addr, ok := k.symbol(name)
		if !ok {
			return fmt.Errorf("%w: %s has no symbol %s", errors.ErrUnsupported, k.file.Name, name)
		}
		table[name] = addr
	}
	probe, ok := k.symbol("kmemleak_alloc")
	if !ok {
		if probe, ok = k.symbol("kfree"); !ok {
			return fmt.Errorf("%w: %s has no symbol kfree", errors.ErrUnsupported, k.file.Name)
		}
	}
	if addr, ok := k.symbol("kallsyms_relative_base"); ok {
		table["kallsyms_relative_base"] = addr
	}
	return s.read(table, probe)
}

// read reads the table, the parts of which are called as in the kernel. probe is the address
// of a symbol that it must have.
func (s *symbolTable) read(table map[string]uint64, probe uint64) error {
	k := s.k
	var count [4]byte
	if err := k.constant(count[:], table["kallsyms_num_syms"]); err != nil {
		return err
	}
	n := int(number(count[:]))
	if n < 2 || n > maxSymbols {
		return fmt.Errorf("%w: %d symbols", ErrDamaged, n)
	}
	offsets := make([]byte, 4*n)
	if err := k.constant(offsets, table["kallsyms_offsets"]); err != nil {
		return err
	}
	markers := make([]byte, 4*((n+nameBlock-1)/nameBlock))
	if err := k.constant(markers, table["kallsyms_markers"]); err != nil {
		return err
	}
	for i := 0; i < len(markers); i += 4 {
		s.markers = append(s.markers, uint32(number(markers[i:i+4])))
	}
	s.names = table["kallsyms_names"]
	if err := s.loadTokens(table["kallsyms_token_table"], table["kallsyms_token_index"]); err != nil {
		return err
	}
	base, relative := table["kallsyms_relative_base"]
	return s.loadAddresses(offsets, table["kallsyms_offsets"], base, relative, probe)
}

// loadTokens reads the parts of which names are made.
func (s *symbolTable) loadTokens(table, index uint64) error {
	starts := make([]byte, 2*256)
	if err := s.k.constant(starts, index); err != nil {
		return err
	}
	var last uint64
	for i := range s.tokens {
		last = max(last, number(starts[2*i:2*i+2]))
	}
	text := make([]byte, min(last+1, tokenTable))
	if err := s.k.constant(text, table); err != nil {
		return err
	}
	// The last one ends behind what is known.
	for {
		var c [1]byte
		if err := s.k.constant(c[:], table+uint64(len(text))); err != nil {
			return err
		}
		text = append(text, c[0])
		if c[0] == 0 {
			break
		}
		if len(text) > tokenTable {
			return fmt.Errorf("%w: parts of names do not end", ErrDamaged)
		}
	}
	for i := range s.tokens {
		at := number(starts[2*i : 2*i+2])
		end := at
		for text[end] != 0 {
			end++
		}
		s.tokens[i] = string(text[at:end])
	}
	return nil
}

// loadAddresses decodes the offsets. There were three ways to do so, and which one it is
// is a matter of the configuration: a function whose address is known decides.
func (s *symbolTable) loadAddresses(offsets []byte, at, addr uint64, relative bool, probe uint64) error {
	k := s.k
	var ways []func(i int, off int32) uint64
	if relative {
		base, err := k.long(addr)
		if err != nil {
			b := k.contents(addr-k.slide, 8)
			if len(b) < 8 {
				return err
			}
			base = number(b) + k.slide
		}
		ways = append(ways,
			func(_ int, off int32) uint64 {
				if off >= 0 {
					return uint64(off)
				}
				return base - 1 - uint64(int64(off))
			},
			func(_ int, off int32) uint64 { return base + uint64(uint32(off)) })
	} else {
		ways = append(ways, func(i int, off int32) uint64 { return at + 4*uint64(i) + uint64(int64(off)) })
	}
	for _, way := range ways {
		s.addrs = make([]uint64, len(offsets)/4)
		sorted := true
		for i := range s.addrs {
			s.addrs[i] = way(i, int32(number(offsets[4*i:4*i+4])))
			sorted = sorted && (i == 0 || s.addrs[i] >= s.addrs[i-1])
		}
		if !sorted {
			continue
		}
		if i := s.index(probe); i >= 0 && s.addrs[i] == probe {
			return nil
		}
	}
	return fmt.Errorf("%w: the kernel's table of symbols is not where, or not as, it should be", ErrDamaged)
}

// index returns the symbol that the kernel names for an address, the first of several at
// one place, or -1.
func (s *symbolTable) index(addr uint64) int {
	i := sort.Search(len(s.addrs), func(i int) bool { return s.addrs[i] > addr }) - 1
	for i > 0 && s.addrs[i-1] == s.addrs[i] {
		i--
	}
	return i
}

// lookup names an address as the kernel does.
func (s *symbolTable) lookup(addr uint64) (name string, offset, size uint64, err error) {
	i := s.index(addr)
	if i < 0 {
		return "", 0, 0, nil
	}
	start, end := s.addrs[i], s.end
	if next := sort.Search(len(s.addrs), func(i int) bool { return s.addrs[i] > start }); next < len(s.addrs) {
		end = s.addrs[next]
	}
	name, err = s.name(i)
	return name, addr - start, end - start, err
}

// name unpacks the i-th name, without the letter of its kind.
func (s *symbolTable) name(i int) (string, error) {
	block, err := s.block(i / nameBlock)
	if err != nil {
		return "", err
	}
	at := 0
	for n := i % nameBlock; ; n-- {
		if at >= len(block) {
			return "", fmt.Errorf("name of symbol %d: %w", i, ErrDamaged)
		}
		size := int(block[at])
		at++
		if size&0x80 != 0 && at < len(block) {
			size = size&0x7f | int(block[at])<<7
			at++
		}
		if n > 0 {
			at += size
			continue
		}
		if size > len(block)-at {
			return "", fmt.Errorf("name of symbol %d: %w", i, ErrDamaged)
		}
		var name []byte
		for _, c := range block[at : at+size] {
			name = append(name, s.tokens[c]...)
		}
		if len(name) < 2 {
			return "", fmt.Errorf("name of symbol %d: %w", i, ErrDamaged)
		}
		// The kernel's buffers are no larger.
		return string(name[1:min(len(name), maxSymbolic)]), nil
	}
}

// block returns 256 packed names.
func (s *symbolTable) block(n int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.blocks[n]; ok {
		return b, nil
	}
	start := uint64(s.markers[n])
	size := uint64(maxNameBlock)
	if n+1 < len(s.markers) {
		size = uint64(s.markers[n+1]) - start
	}
	if size > maxNameBlock {
		return nil, fmt.Errorf("names of symbols from %d on: %w", n*nameBlock, ErrDamaged)
	}
	b := make([]byte, size)
	err := s.k.constant(b, s.names+start)
	// Nothing says where the last block ends.
	for err != nil && n+1 == len(s.markers) && len(b) > nameBlock {
		b = b[:len(b)/2]
		err = s.k.constant(b, s.names+start)
	}
	if err != nil {
		return nil, err
	}
	s.blocks[n] = b
	return b, nil
}
