// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"

	"github.com/kmemleak/kmemleak"
)

// ssh is a transport over the ssh command, with a master connection if its
// configuration has one. The script exits with 0 unless the connection fails.
type ssh struct{ host string }

func (s ssh) Run(ctx context.Context, script string, stdout io.Writer) error {
	c := exec.CommandContext(ctx, "ssh", "root@"+s.host, "sh")
	c.Stdin = strings.NewReader(script)
	c.Stdout = stdout
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil && ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

// This drives the kernel of another machine over ssh.
func ExampleTransport_ssh() {
	d := kmemleak.Detector{Transport: ssh{"board.example.org"}}
	found, err := d.Find(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range found.Leaks {
		fmt.Print(l)
	}
}

// console is a transport over a serial console on which root is logged in.
type console struct {
	in    io.Writer
	lines chan string // closed when there will be no more
	runs  int
}

// newConsole reads from out until its end.
func newConsole(in io.Writer, out io.Reader) *console {
	c := &console{in: in, lines: make(chan string)}
	go func() {
		defer close(c.lines)
		for out := bufio.NewReader(out); ; {
			line, err := out.ReadString('\n')
			if err != nil {
				return
			}
			c.lines <- line
		}
	}()
	return c
}

func (c *console) Run(ctx context.Context, script string, stdout io.Writer) error {
	// The shell echoes what is typed, after its prompt; a mark stands alone on its
	// line only when echo prints it. It has a number, since a script that was left
	// before its end goes on and prints its own.
	c.runs++
	begin, end := fmt.Sprintf("kmemleak-script-%d", c.runs), fmt.Sprintf("kmemleak-script-%d-end", c.runs)
	if _, err := fmt.Fprintf(c.in, "echo; echo %s; %s; echo; echo %s\n", begin, strings.TrimSpace(script), end); err != nil {
		return err
	}
	for begun := false; ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case line, ok := <-c.lines:
			switch word := strings.TrimSpace(line); {
			case !ok:
				return io.ErrUnexpectedEOF
			case word == begin:
				begun = true
			case word == end:
				return nil
			case begun:
				if _, err := io.WriteString(stdout, line); err != nil {
					return err
				}
			}
		}
	}
}

// This drives the kernel of a board over its serial console. Set the speed of the
// line beforehand, with stty.
func ExampleTransport_console() {
	port, err := os.OpenFile("/dev/ttyUSB0", os.O_RDWR, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	d := kmemleak.Detector{Transport: newConsole(port, port)}
	found, err := d.Find(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range found.Leaks {
		fmt.Print(l)
	}
}
