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

func (s ssh) Run(script string, stdout io.Writer) error {
	c := exec.Command("ssh", "root@"+s.host, "sh")
	c.Stdin = strings.NewReader(script)
	c.Stdout = stdout
	c.Stderr = os.Stderr
	return c.Run()
}

// This drives the kernel of another machine over ssh.
func ExampleTransport_ssh() {
	d := kmemleak.Detector{Transport: ssh{"board.example.org"}}
	leaks, err := d.Find(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range leaks {
		fmt.Print(l)
	}
}

// console is a transport over a serial console on which root is logged in.
type console struct {
	in  io.Writer
	out *bufio.Reader
}

func (c console) Run(script string, stdout io.Writer) error {
	// The shell echoes what is typed, after its prompt; the mark stands alone on
	// its line only when echo prints it.
	const mark = "kmemleak-script-end"
	if _, err := fmt.Fprintf(c.in, "%s; echo; echo %s\n", strings.TrimSpace(script), mark); err != nil {
		return err
	}
	for {
		line, err := c.out.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.TrimSpace(line) == mark {
			return nil
		}
		// What is printed first stands behind the prompt.
		line = strings.TrimPrefix(line, "/ # ")
		if _, err := io.WriteString(stdout, line); err != nil {
			return err
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
	d := kmemleak.Detector{Transport: console{port, bufio.NewReader(port)}}
	leaks, err := d.Find(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range leaks {
		fmt.Print(l)
	}
}
