// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package shell

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Serial uses a shell of root that listens on a serial line, such as that of a board's
// console. device is like /dev/ttyUSB0 or /dev/pts/3 and may end in a comma and the speed;
// the speed is 115200 otherwise. Somebody must have logged in before. Serial works on
// Linux.
//
// While it is open, the terminal does not echo, and the kernel prints nothing but
// emergencies to its console, so that its messages do not fall into lines of a report. Close
// restores both.
func Serial(ctx context.Context, device string) (*Shell, error) {
	name, speed, _ := strings.Cut(device, ",")
	line, err := openSerial(name, speed)
	if err != nil {
		return nil, fmt.Errorf("serial line %s: %w", name, err)
	}
	s, err := onTerminal(ctx, line, "/proc/sys/kernel/printk")
	if err != nil {
		return nil, fmt.Errorf("serial line %s: %w", name, err)
	}
	return s, nil
}

// quiet runs scripts that come over a terminal in a shell that prints no prompts and edits
// no lines. Its end, a Ctrl-D, leads back to the shell that was there. The file is that with the
// levels of the kernel's messages.
const quiet = `stty -echo 2>/dev/null; echo kmemleak'-'%[2]s; k=$(cat %[1]s 2>/dev/null); (echo 1 >%[1]s) 2>/dev/null; sh /proc/self/fd/0; ` +
	`[ -z "$k" ] || echo "$k" >%[1]s; stty echo 2>/dev/null`

// onTerminal returns a Shell behind the shell at the other end of a terminal. With an error,
// the line is closed.
func onTerminal(ctx context.Context, line io.ReadWriteCloser, printk string) (*Shell, error) {
	end := func() error { return nil }
	t := &terminal{line: line}
	s := start(t, line, end, func() string { return "" })
	if err := s.enter(ctx, t, printk); err != nil {
		_ = s.Close() // it may have been entered without a word
		return nil, err
	}
	return s, nil
}

// enter starts the shell that runs scripts.
func (s *Shell) enter(ctx context.Context, t *terminal, printk string) error {
	// The first newline ends what somebody has typed. A shell that edits lines may drop what
	// comes before its next prompt, so each step waits for the one before.
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ready := "kmemleak-" + s.token + "-ready"
	_, err := io.WriteString(t, "\n")
	if err == nil && s.silent(ctx) {
		t.entered = true
		_, err = fmt.Fprintf(t, quiet+"\n", printk, s.token+"-ready")
	}
	var said string
	for err == nil && strings.TrimSpace(said) != ready {
		select {
		case <-ctx.Done():
			return fmt.Errorf("no shell answers (log in as root on it first, and see to it that nothing else reads it); it said %q", clip(said))
		case more, ok := <-s.lines:
			if said = more; !ok {
				err = io.ErrUnexpectedEOF
			}
		}
	}
	if err == nil {
		err = s.Run(ctx, ":", io.Discard)
	}
	return err
}

// silent waits until nothing has been printed for a while. It reports false if ctx or the
// line ends.
func (s *Shell) silent(ctx context.Context) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case _, ok := <-s.lines:
			if !ok {
				return false
			}
		case <-time.After(500 * time.Millisecond):
			return true
		}
	}
}

// clip returns text for an error, cut if it is long.
func clip(text string) string {
	const longest = 80
	return text[:min(len(text), longest)]
}

// terminal is the input of a shell on a terminal.
type terminal struct {
	line    io.ReadWriteCloser
	entered bool // the shell of scripts was started, or would be
}

func (t *terminal) Write(p []byte) (int, error) { return t.line.Write(p) }

// Close leaves the shell that onTerminal has started. The one that was there before would
// take the Ctrl-D for its own end.
func (t *terminal) Close() (err error) {
	if t.entered {
		_, err = io.WriteString(t.line, "\x04")
		time.Sleep(200 * time.Millisecond) // a line that is closed forgets what was not sent yet
	}
	if closeErr := t.line.Close(); err == nil {
		err = closeErr
	}
	return err
}
