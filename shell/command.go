// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package shell

import (
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Command starts a program that runs a shell of root on another machine and connects it to
// its standard input and output, such as ssh root@board sh. What the program says on
// standard error is in the error of Run when it ends.
func Command(name string, args ...string) (*Shell, error) {
	cmd := exec.Command(name, args...)
	said := new(tail)
	cmd.Stderr = said
	cmd.WaitDelay = time.Second // a child of the program may keep its output open
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end := func() error {
		// A shell ends at the end of its input; a connection that hangs does not.
		kill := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Wait() // how it ends does not matter any more
		return nil
	}
	return start(in, out, end, said.text), nil
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 1000
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-most):]
	return len(p), nil
}

// text returns it in one line. A program says why it ends a little after its output ends.
func (t *tail) text() string {
	for range 20 {
		t.mu.Lock()
		text := strings.Join(strings.FieldsFunc(string(t.b), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
		t.mu.Unlock()
		if text != "" {
			return text
		}
		time.Sleep(10 * time.Millisecond)
	}
	return ""
}
