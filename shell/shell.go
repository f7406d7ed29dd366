// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package shell runs scripts in a shell of another machine, for
// [github.com/kmemleak/kmemleak.Detector]:
//
//	sh, err := shell.Command("ssh", "root@board", "sh")
//	d := kmemleak.Detector{Transport: sh}
//
// [Command] reaches the shell by any program, such as ssh, adb or docker, and [Serial] over
// a serial line on which root is logged in. The shell is started once and stays.
package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// A Shell is a shell on another machine. Its methods may be called from several goroutines;
// scripts run one after the other. The caller must call Close.
type Shell struct {
	in    io.WriteCloser
	lines chan string // closed when there will be no more
	end   func() error
	say   func() string // what the program has said about its end

	mu    sync.Mutex
	token string // that no other session has in its marks
	runs  int
}

// patience is how long a script that was left before its end may still take, before the
// next one is given up.
const patience = 2 * time.Minute

// start makes a Shell of what writes to a shell and reads what that prints.
func start(in io.WriteCloser, out io.Reader, end func() error, say func() string) *Shell {
	s := &Shell{in: in, lines: make(chan string), end: end, say: say, token: fmt.Sprintf("%010x", rand.Uint64N(1<<40))}
	go s.read(out)
	return s
}

// read passes lines on. The rest of a long line is a line of its own.
func (s *Shell) read(out io.Reader) {
	defer close(s.lines)
	for r := bufio.NewReaderSize(out, 64<<10); ; {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			s.lines <- string(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// Run runs a script of one line, and copies what it prints to stdout. It is the method of
// [github.com/kmemleak/kmemleak.Transport]. When ctx ends it returns the cause at once, and
// the script goes on; the next one waits for its end, up to two minutes.
func (s *Shell) Run(ctx context.Context, script string, stdout io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A terminal may echo what is written, so no mark stands in it as it is printed.
	s.runs++
	mark := func(what string) string { return fmt.Sprintf("kmemleak-%s-%s-%d", s.token, what, s.runs) }
	begin, end := mark("begin"), mark("end")
	written := make(chan error, 1)
	go func() {
		_, err := fmt.Fprintf(s.in, "echo; echo kmemleak'-'%s; %s; echo; echo kmemleak'-'%s\n",
			strings.TrimPrefix(begin, "kmemleak-"), strings.TrimSpace(script), strings.TrimPrefix(end, "kmemleak-"))
		written <- err
	}()
	giveUp := time.NewTimer(patience)
	defer giveUp.Stop()
	for begun := false; ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-written:
			if written = nil; err != nil {
				return s.failure(err)
			}
		case <-giveUp.C:
			if !begun {
				return fmt.Errorf("the shell has not answered for %v", patience)
			}
		case line, ok := <-s.lines:
			switch word := strings.TrimSpace(line); {
			case !ok:
				return s.failure(io.ErrUnexpectedEOF)
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

// failure adds to err what the program has said.
func (s *Shell) failure(err error) error {
	if said := s.say(); said != "" {
		return fmt.Errorf("the shell has ended: %s", said)
	}
	return fmt.Errorf("the shell has ended: %w", err)
}

// Close ends the shell.
func (s *Shell) Close() error {
	err := s.in.Close()
	go func() { // what is still printed
		for range s.lines {
		}
	}()
	return errors.Join(err, s.end())
}
