// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// own is the memory of this process, which holds what it searches for.
type own struct {
	pages   map[uint64]bool // numbers of physical pages
	threads map[int]bool    // by thread ID: the kernel saves their registers on its stacks
}

// add finds out where the memory of this process is now. It is called before and after a
// search, since the memory may grow.
func (o *own) add() error {
	if o.pages == nil {
		o.pages, o.threads = make(map[uint64]bool), make(map[int]bool)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			o.threads[id] = true
		}
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	pagemap, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return fmt.Errorf("%w (CONFIG_PROC_PAGE_MONITOR tells which memory is this process's own)", err)
	}
	defer pagemap.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		span, _, _ := strings.Cut(lines.Text(), " ")
		from, to, _ := strings.Cut(span, "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 != nil || err2 != nil || start >= 1<<63 {
			continue
		}
		if err := o.addMapping(pagemap, start, end); err != nil {
			return err
		}
	}
	return lines.Err()
}

// addMapping reads where the pages of a mapping are (Documentation/admin-guide/mm/pagemap.rst).
func (o *own) addMapping(pagemap *os.File, start, end uint64) error {
	const present, frame = 1 << 63, 1<<55 - 1
	size := uint64(os.Getpagesize())
	buffer := make([]byte, 8*8192)
	for at := start / size; at < end/size; {
		n := min(uint64(len(buffer)), 8*(end/size-at))
		got, err := pagemap.ReadAt(buffer[:n], int64(8*at))
		if err != nil && err != io.EOF {
			return err
		}
		if got < 8 {
			return nil
		}
		for i := 0; i+8 <= got; i += 8 {
			if entry := binary.LittleEndian.Uint64(buffer[i:]); entry&present != 0 {
				// Numbers of pages here are always of 4 KiB for the search.
				for part := uint64(0); part < size>>pageShift; part++ {
					o.pages[entry&frame*(size>>pageShift)+part] = true
				}
			}
		}
		at += uint64(got) / 8
	}
	return nil
}
