// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"sync"
)

// x86KernelMap is the address that the image of an x86_64 kernel is linked for:
// __START_KERNEL_map.
const x86KernelMap = 0xffffffff80000000

// kernelTable returns the kernel's page tables, as far as VMCOREINFO tells of them.
func (m *Image) kernelTable() (*table, error) {
	if m.vmcoreinfo == nil {
		return nil, fmt.Errorf("%w: no VMCOREINFO in the dump (try: Relocate with the symbols of its vmlinux)", ErrTranslation)
	}
	v := m.vmcoreinfo
	root, ok := v.symbol("swapper_pg_dir")
	if !ok {
		return nil, fmt.Errorf("%w: VMCOREINFO has no swapper_pg_dir", ErrTranslation)
	}
	var candidates []*table
	switch m.info.GOARCH {
	case "amd64":
		base, ok := v.number("phys_base")
		if !ok {
			return nil, fmt.Errorf("%w: VMCOREINFO has no phys_base", ErrTranslation)
		}
		five, _ := v.number("pgtable_l5_enabled")
		encrypted, _ := v.number("sme_mask")
		candidates = append(candidates, x86Table(root-x86KernelMap+base, five != 0, encrypted))
	case "arm64":
		offset, ok := v.number("kimage_voffset")
		if !ok {
			return nil, fmt.Errorf("%w: VMCOREINFO has no kimage_voffset", ErrTranslation)
		}
		addrBits, ok := v.number("VA_BITS")
		if t1sz, known := v.number("TCR_EL1_T1SZ"); known {
			addrBits, ok = 64-t1sz, true // what the processor can do
		}
		shift := bits.TrailingZeros64(m.info.PageSize)
		if !ok || addrBits < 36 || addrBits > 48 || shift < 12 || shift > 16 {
			return nil, fmt.Errorf("%w: virtual addresses of %d bits with pages of %d bytes", ErrTranslation, addrBits, m.info.PageSize)
		}
		candidates = append(candidates, aarch64Table(root-offset, uint(shift), uint(addrBits)))
	case "386":
		for _, start := range []uint64{0xc0000000, 0xb0000000, 0x80000000, 0x78000000, 0x40000000} {
			if v["CONFIG_X86_PAE"] == "y" {
				candidates = append(candidates, paeTable(root-start))
			} else {
				candidates = append(candidates, i386Table(root-start))
			}
		}
	}
	// Page tables are right if they lead to themselves.
	err := error(nil)
	for _, t := range candidates {
		phys, _, walkErr := t.walk(root, m.memory.read)
		switch {
		case walkErr == nil && phys == t.root:
			return t, nil
		case walkErr != nil && err == nil:
			err = fmt.Errorf("%w: swapper_pg_dir at %#x: %w", ErrTranslation, t.root, walkErr)
		case err == nil:
			err = fmt.Errorf("%w: swapper_pg_dir at %#x leads to %#x and not to itself", ErrTranslation, t.root, phys)
		}
	}
	return nil, err
}

// Relocate finds out where the kernel and its page tables lie, from VMCOREINFO or from the
// registers of the processors, with the symbols of its vmlinux: symbols returns the
// address that a symbol is linked for. Afterwards Info().Offset is what has to be added to
// such addresses.
//
// The result is checked: the text at linux_banner must be that of a kernel, and of the
// release that VMCOREINFO names. The error matches ErrRelocate if it is not.
func (m *Image) Relocate(symbols func(name string) (addr uint64, ok bool)) error {
	return guard(func() error { return m.relocate(symbols) })
}

func (m *Image) relocate(symbols func(name string) (addr uint64, ok bool)) error {
	banner, ok := symbols("linux_banner")
	if !ok {
		return fmt.Errorf("%w: no linux_banner (try: a vmlinux with its symbols)", ErrRelocate)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.table != nil {
		return m.relocateBy([]*table{m.table}, banner, symbols)
	}
	if tables := m.tablesOfRegisters(); len(tables) > 0 {
		return m.relocateBy(tables, banner, symbols)
	}
	// Kernels keep VMCOREINFO in a page of its own, also if nobody asked for it.
	pages, err := m.findVmcoreinfo()
	if err != nil {
		return err
	}
	for _, text := range pages {
		before := m.info
		m.setVmcoreinfo(text)
		if m.table, m.untranslate = m.kernelTable(); m.table != nil {
			err := m.relocateBy([]*table{m.table}, banner, symbols)
			if err == nil || len(pages) == 1 {
				return err
			}
		}
		m.info, m.vmcoreinfo, m.table = before, nil, nil
	}
	return m.untranslate
}

// relocateBy finds the banner by one of several sets of page tables.
func (m *Image) relocateBy(tables []*table, banner uint64, symbols func(string) (uint64, bool)) error {
	offsets := m.offsets(symbols)
	for _, t := range tables {
		for _, offset := range offsets {
			release, err := m.bannerAt(t, banner+offset)
			if err != nil {
				if errors.Is(err, ErrTruncated) {
					return err
				}
				continue
			}
			if want := m.info.Release; want != "" && want != release {
				return fmt.Errorf("%w: its linux_banner is of %s, VMCOREINFO of %s", ErrRelocate, release, want)
			}
			if !m.info.Live {
				t.remember()
			}
			m.table, m.untranslate = t, nil
			if live, ok := m.memory.(*kcore); ok {
				live.table.Store(t)
			}
			m.info.Release, m.info.Offset, m.info.Relocated = release, offset, true
			m.linear, m.linearKnown = m.findLinear(t, symbols)
			return m.complete(t, symbols)
		}
	}
	return fmt.Errorf("%w: no linux_banner where they say that it is (try: the vmlinux of the dump's kernel%s)", ErrRelocate, m.hint())
}

// hint returns how the vmlinux of the image can be told.
func (m *Image) hint() string {
	if m.info.BuildID == "" {
		return ""
	}
	return ", build ID " + m.info.BuildID
}

// complete reads from memory what the dump does not tell.
func (m *Image) complete(t *table, symbols func(string) (uint64, bool)) error {
	read := func(name string, size uint64) uint64 {
		addr, ok := symbols(name)
		b := make([]byte, size)
		if !ok || m.readBy(t, b, addr+m.info.Offset) != nil {
			return 0
		}
		if size == 4 {
			return uint64(m.info.ByteOrder.Uint32(b))
		}
		return m.info.ByteOrder.Uint64(b)
	}
	long := uint64(8)
	if m.info.GOARCH == "386" {
		long = 4
	}
	if m.vmcoreinfo == nil {
		// In a dump without VMCOREINFO the kernel has it nevertheless.
		at, size := read("vmcoreinfo_data", long), read("vmcoreinfo_size", long)
		if at != 0 && size != 0 && size <= maxVmcoreinfo {
			text := make([]byte, size)
			if m.readBy(t, text, at) == nil && bytes.HasPrefix(text, []byte(vmcoreinfoMagic)) {
				if release := parseVmcoreinfo(text)["OSRELEASE"]; release != m.info.Release {
					return fmt.Errorf("%w: linux_banner is of %s, the kernel's VMCOREINFO of %s", ErrRelocate, m.info.Release, release)
				}
				m.setVmcoreinfo(text)
			}
		}
	}
	start, ok := symbols("__start_notes")
	stop, known := symbols("__stop_notes")
	if m.info.BuildID == "" && ok && known && stop > start && stop-start <= maxVmcoreinfo {
		b := make([]byte, stop-start)
		if m.readBy(t, b, start+m.info.Offset) == nil {
			m.info.BuildID = gnuBuildID(parseNotes(b, m.info.ByteOrder))
		}
	}
	return nil
}

// findVmcoreinfo looks for pages with VMCOREINFO in all of memory.
func (m *Image) findVmcoreinfo() ([][]byte, error) {
	const most = 16
	var mu sync.Mutex
	var pages [][]byte
	err := m.Scan(context.Background(), func(addr uint64, b []byte) {
		page := int(m.info.PageSize)
		for at := int(-addr & (m.info.PageSize - 1)); at+page <= len(b); at += page {
			if !bytes.HasPrefix(b[at:], []byte(vmcoreinfoMagic)) {
				continue
			}
			text, _, _ := bytes.Cut(b[at:at+page], []byte{0})
			mu.Lock()
			if len(pages) < most {
				pages = append(pages, bytes.Clone(text))
			}
			mu.Unlock()
		}
	})
	if len(pages) > 0 {
		return pages, nil
	}
	return nil, err
}

// tablesOfRegisters returns the page tables that the processors had in use.
func (m *Image) tablesOfRegisters() []*table {
	var tables []*table
	for _, r := range m.registers {
		switch {
		case m.info.GOARCH == "amd64":
			// With page table isolation, the kernel's tables lie in front of the process's.
			for _, root := range []uint64{r.cr3 &^ (1 << 12), r.cr3} {
				tables = append(tables, x86Table(root, r.cr4&cr4LA57 != 0, 0))
			}
		case m.info.GOARCH == "386" && r.cr4&cr4PAE != 0:
			tables = append(tables, paeTable(r.cr3&^(1<<12)), paeTable(r.cr3))
		case m.info.GOARCH == "386":
			tables = append(tables, i386Table(r.cr3))
		}
	}
	return tables
}

// offsets returns by how much the kernel may have been moved.
func (m *Image) offsets(symbols func(string) (uint64, bool)) []uint64 {
	for _, name := range []string{"_stext", "init_uts_ns", "swapper_pg_dir", "init_top_pgt"} {
		runs, ok := m.vmcoreinfo.symbol(name)
		linked, known := symbols(name)
		if ok && known {
			return []uint64{runs - linked}
		}
	}
	if offset, ok := m.vmcoreinfo.hex("KERNELOFFSET"); ok {
		return []uint64{offset}
	}
	const step, most = 2 << 20, 1 << 30 // CONFIG_PHYSICAL_ALIGN, RANDOMIZE_BASE
	var all []uint64
	for offset := uint64(0); offset < most; offset += step {
		all = append(all, offset)
	}
	return all
}

// bannerAt returns the release that the banner of a kernel names.
func (m *Image) bannerAt(t *table, addr uint64) (string, error) {
	b := make([]byte, 128)
	if err := m.readBy(t, b, addr); err != nil {
		return "", err
	}
	text, ok := bytes.CutPrefix(b, []byte("Linux version "))
	release, _, found := strings.Cut(string(text), " ")
	if !ok || !found {
		return "", ErrRelocate
	}
	return release, nil
}
