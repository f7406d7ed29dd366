// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package vmcore reads the memory of Linux kernels: of the running one, and of dead ones
// from their dumps.
//
// [Open] opens a dump, [Live] the memory of the running kernel. Both return an [Image],
// which reads memory by virtual and by physical address. Memory that a dump does not have
// is an error, [ErrAbsent]; it never reads as zeros.
//
//	image, err := vmcore.Open("vmcore")
//	if err != nil {
//		return err
//	}
//	defer image.Close()
//	// symbols looks names up in the vmlinux of the kernel.
//	if err := image.Relocate(symbols); err != nil {
//		return err
//	}
//	err = image.ReadAt(p, linked+image.Info().Offset)
//
// These formats are known: ELF cores, as QEMU's dump-guest-memory, /proc/vmcore and
// makedumpfile -E write them; the compressed format of makedumpfile and of
// dump-guest-memory (-z, -l, -s), whose pages are packed with zlib, LZO, snappy or
// Zstandard; both also in makedumpfile's flattened format; and /proc/kcore. The kernels are
// those for x86_64 (page tables of 4 and 5 levels), arm64 (virtual addresses of up to 48
// bits) and i386 (with PAE and without).
//
// # Limits
//
// Nothing in an ELF core, and in pages packed with LZO or snappy, tells whether memory is
// as it was: if bytes of the file were changed, so is what is read. Headers, bitmaps and
// descriptors are checked as far as they repeat each other.
//
// /proc/kcore has zeros where the kernel does not read. They are ErrAbsent where the
// kernel does not map the memory, and remain zeros in memory that is taken away from the
// kernel but still mapped, such as that of a balloon driver.
//
// A running kernel changes its memory also between two reads, and within one.
package vmcore
