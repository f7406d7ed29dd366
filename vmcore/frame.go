// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/kmemleak/kmemleak"
)

// backtrace returns the frames of return addresses. Equal backtraces share their frames:
// objects have few of them. The frames must not be changed.
func (k *Kernel) backtrace(ctx context.Context, stack []uint64) ([]kmemleak.Frame, error) {
	if len(stack) == 0 {
		return nil, nil
	}
	key := make([]byte, 0, 16*8)
	for _, addr := range stack {
		key = binary.LittleEndian.AppendUint64(key, addr)
	}
	k.frameMu.Lock()
	frames, ok := k.backtraces[string(key)]
	k.frameMu.Unlock()
	if ok {
		return frames, nil
	}
	var bad problems
	for _, addr := range stack {
		f, err := k.frame(ctx, addr)
		bad.add(err)
		frames = append(frames, f)
	}
	if err := bad.err(); err != nil {
		return frames, err
	}
	k.frameMu.Lock()
	defer k.frameMu.Unlock()
	if k.backtraces == nil {
		k.backtraces = make(map[string][]kmemleak.Frame)
	}
	k.backtraces[string(key)] = frames
	return frames, nil
}

// frame returns an address as the kernel prints it in a backtrace (%pS). A kernel that
// prints no addresses prints those that it has no name for, so only these are in a Frame.
// The Frame is right even if there is an error, but may lack its name.
func (k *Kernel) frame(ctx context.Context, addr uint64) (kmemleak.Frame, error) {
	k.frameMu.Lock()
	f, ok := k.frames[addr]
	k.frameMu.Unlock()
	if ok {
		return f, nil
	}
	name, module, offset, size, err := k.name(ctx, addr)
	if name == "" {
		f = kmemleak.Frame{Addr: addr}
	} else {
		f = kmemleak.Frame{Func: name, Offset: offset, Size: size, Module: module}
	}
	if err != nil {
		return f, fmt.Errorf("name of the address %#x: %w", addr, err)
	}
	k.frameMu.Lock()
	defer k.frameMu.Unlock()
	k.frames[addr] = f
	return f, nil
}

// name returns the symbol that the kernel names for an address, "" if there is none.
func (k *Kernel) name(ctx context.Context, addr uint64) (name, module string, offset, size uint64, err error) {
	if k.inImage(addr) {
		symbols, err := k.kernelSymbols()
		if err != nil {
			return "", "", 0, 0, err
		}
		name, offset, size, err = symbols.lookup(addr)
		return name, "", offset, size, err
	}
	modules, err := k.loaded(ctx)
	for _, m := range modules {
		if _, ok := m.holds(addr); ok {
			name, offset, size, err := m.lookup(k, addr)
			return name, m.name, offset, size, err
		}
	}
	return "", "", 0, 0, err
}

// inImage reports whether an address is in the kernel image.
func (k *Kernel) inImage(addr uint64) bool {
	return addr >= k.lo+k.slide && addr < k.hi+k.slide
}
