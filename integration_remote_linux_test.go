// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
)

const busybox = "/bin/busybox" // put there by make integration

// shell runs scripts with busybox, as ssh would on another machine.
type shell struct{}

func (shell) Run(ctx context.Context, script string, stdout io.Writer) error {
	c := exec.CommandContext(ctx, busybox, "sh", "-c", script)
	c.Stdout = stdout
	c.Run() // the status does not matter
	return context.Cause(ctx)
}

// installBusybox makes the commands that scripts use.
func installBusybox(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("busybox is of the host's architecture (try: a kernel for x86_64)")
	}
	for _, name := range []string{"sh", "cat", "sed", "dmesg", "insmod", "rmmod"} {
		if err := os.Symlink(busybox, filepath.Join("/bin", name)); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
}

func TestIntegrationRemote(t *testing.T) {
	kernel := need.Kernel(t, "")
	installBusybox(t)
	input, out := startConsole(t)
	for _, tt := range []struct {
		name      string
		transport kmemleak.Transport
	}{
		{"shell", shell{}},
		{"console", newConsole(input, out)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := loadLeaky(t, kernel)
			d := &kmemleak.Detector{Transport: tt.transport}
			if err := d.SetAutoScan(0); err != nil {
				t.Fatal(err)
			}
			l.leak(3)
			during, err := d.During(inTime(t), func() { l.other(2) }, kmemleak.InModule("leaky"),
				kmemleak.ProofOfLife(hello{kernel: kernel}.file()))
			if one, another := count(during.Leaks); err != nil || one != 0 || another != 2 {
				t.Errorf("%d and %d leaks, %v, want 0 and 2", one, another, err)
			}
			for _, leak := range during.Leaks {
				object, err := d.Dump(leak.Addr)
				if err != nil || object.Jiffies != leak.Jiffies || object.Comm != "leaky" || len(object.Backtrace) != len(leak.Backtrace) {
					t.Errorf("Dump: %+v, %v", object, err)
				}
			}
			if _, err := d.Dump(0x1000); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Dump of nothing: %v, want fs.ErrNotExist", err)
			}
			if err := d.Clear(); err != nil {
				t.Error(err)
			}
			for leak, err := range d.Leaks() {
				if module, _ := leak.Owner().Module(); err != nil || module == "leaky" {
					t.Errorf("reported after Clear: %v, %v", leak, err)
				}
			}
			wrong := &kmemleak.Detector{Transport: tt.transport, Path: "/sys/kernel/debug/nothing"}
			if err := wrong.Probe(); !errors.Is(err, kmemleak.ErrUnavailable) {
				t.Errorf("without the file: %v, want ErrUnavailable", err)
			}
		})
	}
}

func TestIntegrationRemoteOff(t *testing.T) {
	need.Kernel(t, "kmemleak=off")
	installBusybox(t)
	d := &kmemleak.Detector{Transport: shell{}}
	if _, err := d.Find(inTime(t)); !errors.Is(err, kmemleak.ErrDisabled) {
		t.Errorf("%v, want ErrDisabled", err)
	}
}

// startConsole starts a shell behind a console, onto which the kernel prints, too.
func startConsole(t *testing.T) (in io.Writer, out io.Reader) {
	t.Helper()
	c := exec.Command(busybox, "sh", "-i")
	c.Env = append(os.Environ(), "PS1=/ # ")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	c.Stdout, c.Stderr = w, w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		io.WriteString(in, "exit\n")
		// Nobody reads any more, and Wait would wait for the last prompt to be read.
		r.Close()
		c.Wait()
	})
	noise := func() io.Reader { return strings.NewReader("[   12.345678] usb 1-1: new device\r\n") }
	return in, io.MultiReader(noise(), r)
}
