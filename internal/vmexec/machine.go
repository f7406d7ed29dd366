// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"debug/elf"
	"fmt"
)

// A machine is what boots programs of some architectures. It has three serial ports:
// the kernel's console, and one each for the test's output and files.
type machine struct {
	program, pkg       string // QEMU, and what to install for it
	args               []string
	console            string // as the kernel calls it
	testPort, filePort string
	port               func(i int) []string // arguments for the port that is the chardev portI
}

// Software emulation is the same on every host; hardware acceleration is not.
var pc = machine{
	program: "qemu-system-x86_64", pkg: "qemu-system-x86", // boots 32-bit kernels, too
	args:    []string{"-machine", "q35", "-cpu", "max"},
	console: "ttyS0", testPort: "/dev/ttyS1", filePort: "/dev/ttyS2",
	port: serial,
}

var virt = machine{
	program: "qemu-system-aarch64", pkg: "qemu-system-arm",
	// The standard algorithm that signs pointers takes most of an emulator's time.
	args:    []string{"-machine", "virt", "-cpu", "max,pauth-impdef=on"},
	console: "ttyAMA0", testPort: "/dev/ttyS0", filePort: "/dev/ttyS1",
	port: func(i int) []string {
		if i == 0 {
			return serial(i) // the only one that it has
		}
		return []string{"-device", fmt.Sprintf("pci-serial,chardev=port%d", i)}
	},
}

func serial(i int) []string { return []string{"-serial", fmt.Sprintf("chardev:port%d", i)} }

// machineOf returns what runs a program.
func machineOf(program string) (machine, error) {
	file, err := elf.Open(program)
	if err != nil {
		return machine{}, fmt.Errorf("%s: %w", program, err)
	}
	defer file.Close()
	switch file.Machine {
	case elf.EM_X86_64, elf.EM_386:
		return pc, nil
	case elf.EM_AARCH64:
		return virt, nil
	}
	return machine{}, fmt.Errorf("%s: no machine for programs of %v", program, file.Machine)
}
