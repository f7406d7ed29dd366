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
	"testing/synctest"
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

// A console may stand still in the middle of a record. If it does so for too long, or behind
// a frame, the rest is lost, or there is none.
func TestLivePause(t *testing.T) {
	text := readFileText(t, report)
	row, first := strings.Index(text, "    61 6d"), strings.Index(text, "    kmemleak_vmalloc+")
	head, frames := text[:first], text[first:]
	for _, tt := range []struct {
		name   string
		pieces []string
		pause  time.Duration
		want   int // parts that are read for themselves
	}{
		{"before the frames", []string{head, frames}, standstill / 2, 1},
		{"in the hex dump", []string{text[:row], text[row:]}, standstill / 2, 1},
		{"too long", []string{head, frames}, 2 * standstill, 2},
		{"behind a frame", []string{text, text}, standstill / 2, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			in, feed := io.Pipe()
			go func() {
				for i, p := range tt.pieces {
					if i > 0 {
						time.Sleep(tt.pause)
					}
					io.WriteString(feed, p)
				}
				feed.Close()
			}()
			r := newLiveReader(in)
			var got []string
			for r.next() {
				text, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, strings.TrimLeft(string(text), "\n"))
			}
			if len(got) != tt.want || strings.Join(got, "") != strings.Join(tt.pieces, "") {
				t.Errorf("%s: %d parts, want %d: %q", tt.name, len(got), tt.want, got)
			}
		})
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
