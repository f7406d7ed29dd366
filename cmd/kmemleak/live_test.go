// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// A pipe that stays open: leaks come out before it is closed, and the numbers of lines are
// those of the whole input.
func TestLive(t *testing.T) {
	text := readFileText(t, report)
	split := strings.LastIndex(text, "unreferenced object")
	for format, want := range map[string]string{"json": `{"addr":"0x`, "text": "7 leaks"} {
		in, feed := io.Pipe()
		out, w := io.Pipe()
		var errs bytes.Buffer
		status := make(chan int, 1)
		go func() {
			status <- run(t.Context(), []string{"symbolize", "-release", "0", "-dir", helloDir, "-format", format}, stdio{in: in, out: w, err: &errs})
			w.Close()
		}()
		lines := make(chan string, 1<<12)
		go func() {
			for s := bufio.NewScanner(out); s.Scan(); {
				lines <- s.Text()
			}
			close(lines)
		}()
		if _, err := io.WriteString(feed, text[:split]); err != nil {
			t.Fatal(err)
		}
		quiet := make(chan bool)
		noise := make(chan bool)
		go func() { // other messages meanwhile
			for {
				select {
				case <-quiet:
					close(noise)
					return
				case <-time.After(idle / 4):
					io.WriteString(feed, "\n")
				}
			}
		}()
		select {
		case line := <-lines:
			if !strings.HasPrefix(line, want) {
				t.Errorf("%s: %q, want %q", format, line, want)
			}
		case <-time.After(30 * idle):
			t.Fatalf("%s: nothing is written", format)
		}
		close(quiet)
		<-noise
		if _, err := io.WriteString(feed, text[split:]+"unreferenced object 0xffff888101a2b3c0 (size 64):\n"); err != nil {
			t.Fatal(err)
		}
		feed.Close()
		n := 1
		for range lines {
			n++
		}
		if got := <-status; got != statusError || format == "json" && n != 10 {
			t.Errorf("%s: status %d, %d lines", format, got, n)
		}
		var at int
		if _, err := fmt.Sscanf(errs.String(), "kmemleak symbolize: standard input: line %d:", &at); err != nil || at <= strings.Count(text, "\n") {
			t.Errorf("%s: %s, want a line behind %d", format, errs.String(), strings.Count(text, "\n"))
		}
	}
}

// Nobody reads what is written: the command must not go on as long as its input does.
func TestLiveFullDisk(t *testing.T) {
	in, feed := io.Pipe()
	defer feed.Close()
	go io.WriteString(feed, readFileText(t, report))
	var errs bytes.Buffer
	status := make(chan int, 1)
	go func() { status <- run(t.Context(), []string{"symbolize"}, stdio{in: in, out: full{}, err: &errs}) }()
	select {
	case got := <-status:
		if got != statusError || errs.String() != "kmemleak symbolize: no space\n" {
			t.Errorf("status %d, %q", got, errs.String())
		}
	case <-time.After(30 * idle):
		t.Error("it still reads")
	}
}
