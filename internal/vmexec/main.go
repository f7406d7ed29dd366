// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Vmexec runs a Go test binary on a kernel of your choice, in QEMU:
//
//	CGO_ENABLED=0 go test -exec 'vmexec -init INIT -kernel IMAGE' -run TestIntegration .
//
// The go command starts it in the folder of the package under test. Vmexec packs the
// test binary, that folder's testdata, the files given with -file and INIT (this
// module's program init, built for the architecture of the test binary) into an
// initramfs. It boots that on a machine that INIT is for, copies the test's output and
// exits as the test did. If a guest ends in another way, vmexec exits with 125 and shows the end of the console.
//
// The test runs as root, with all of proc, sysfs and devtmpfs, and no network. It finds
// the files at the given paths. Files that it leaves in the folder /out are copied to
// the folder that -out names.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak/internal/vmexec/guest"
)

// A list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

type options struct {
	kernel, init, parameters, memory, out string
	debugfs, console                      bool
	processors                            int
	timeout                               time.Duration
	files, env                            list
}

func main() {
	var o options
	flag.StringVar(&o.kernel, "kernel", "", "the kernel `image` to boot")
	flag.StringVar(&o.init, "init", "", "the `program` init, built for the guest")
	flag.StringVar(&o.parameters, "append", "", "`words` to append to the kernel command line, separated by commas or blanks")
	flag.StringVar(&o.memory, "memory", "512M", "`size` of the guest's memory")
	flag.IntVar(&o.processors, "processors", 2, "`number` of processors of the guest")
	flag.StringVar(&o.out, "out", "", "copy what the test leaves in /out to this `folder`")
	flag.BoolVar(&o.debugfs, "debugfs", true, "mount debugfs before the test")
	flag.BoolVar(&o.console, "console", false, "show the kernel's console")
	flag.DurationVar(&o.timeout, "timeout", 10*time.Minute, "kill a guest that runs longer")
	flag.Var(&o.files, "file", "`host=guest`: put a file into the guest (repeatable)")
	flag.Var(&o.env, "env", "`name=value`: set a variable for the test (repeatable)")
	flag.Parse()
	if o.kernel == "" || o.init == "" || flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: vmexec -kernel IMAGE -init PROGRAM [flags] TEST [arguments]")
		flag.PrintDefaults()
		os.Exit(2)
	}
	status, err := run(o, flag.Arg(0), flag.Args()[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "vmexec:", err)
		os.Exit(125) // 1 is what a test exits with
	}
	os.Exit(status)
}

// run boots the guest and returns the test's exit status.
func run(o options, test string, args []string) (int, error) {
	m, err := machineOf(o.init)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "vmexec")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "initramfs")
	// The go command wants a log of the files that a test reads, to cache its
	// result; the guest cannot write it.
	args = slices.DeleteFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-test.testlogfile=") })
	config := guest.Config{Args: args, Env: o.env, Debugfs: o.debugfs, TestPort: m.testPort, FilePort: m.filePort}
	if err := pack(archive, o, test, config); err != nil {
		return 0, fmt.Errorf("pack the initramfs: %w", err)
	}
	var console tail
	var files bytes.Buffer
	output := guest.StatusFilter{W: os.Stdout}
	err = boot(m, o, archive, &console, &output, &files)
	if o.console {
		os.Stderr.Write(console.bytes)
	}
	if err == nil && !output.Ended {
		err = errors.New("the guest ended before the test did")
	}
	if err != nil {
		return 0, fmt.Errorf("%w; its console ended with\n%s", err, console.bytes)
	}
	if o.out != "" {
		if err := unpack(o.out, &files); err != nil {
			return 0, fmt.Errorf("copy /out: %w", err)
		}
	}
	return output.Status, nil
}

// boot runs QEMU until the guest powers off, and copies its three serial ports.
func boot(m machine, o options, archive string, ports ...io.Writer) error {
	qemu := exec.Command(m.program, m.args...)
	qemu.Args = append(qemu.Args, "-accel", "tcg", "-smp", strconv.Itoa(o.processors), "-m", o.memory,
		"-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot",
		"-kernel", o.kernel, "-initrd", archive,
		"-append", "console="+m.console+" panic=-1 "+strings.ReplaceAll(o.parameters, ",", " "))
	copied := make(chan error, len(ports))
	for i, w := range ports {
		r, end, err := os.Pipe()
		if err != nil {
			return err
		}
		defer r.Close()
		defer end.Close()
		qemu.ExtraFiles = append(qemu.ExtraFiles, end)
		qemu.Args = append(qemu.Args, "-chardev", fmt.Sprintf("file,id=port%d,path=/dev/fd/%d", i, 3+i))
		qemu.Args = append(qemu.Args, m.port(i)...)
		go func() {
			_, err := io.Copy(w, r)
			copied <- err
		}()
	}
	var complaints bytes.Buffer
	qemu.Stderr = &complaints
	if err := qemu.Start(); err != nil {
		return fmt.Errorf("%w (try: apt-get install %s)", err, m.pkg)
	}
	timer := time.AfterFunc(o.timeout, func() { qemu.Process.Kill() })
	err := qemu.Wait()
	late := !timer.Stop()
	for _, end := range qemu.ExtraFiles {
		end.Close()
	}
	for range ports {
		if copyErr := <-copied; err == nil {
			err = copyErr
		}
	}
	switch {
	case late:
		return fmt.Errorf("the guest was killed after %v", o.timeout)
	case err != nil:
		return fmt.Errorf("qemu: %w: %s", err, complaints.Bytes())
	}
	return nil
}

// A tail keeps the end of what is written to it.
type tail struct{ bytes []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 16 << 10
	t.bytes = append(t.bytes, p...)
	t.bytes = t.bytes[max(0, len(t.bytes)-most):]
	return len(p), nil
}
