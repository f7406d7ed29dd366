// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/kmemleak/kmemleak/internal/terminal"
)

// A progress shows the current work on a terminal, if it takes over a second. On
// anything else it shows nothing. All methods may be called from several goroutines.
type progress struct {
	w    io.Writer
	stop chan bool // nil if nothing is ever shown

	mu    sync.Mutex
	text  string    // "" if there is nothing to show
	begun time.Time // when there was first something to show
	shown bool
}

// patience is how long something may take before it is shown.
const patience = time.Second

// startProgress begins; the caller must call end.
func startProgress(w io.Writer) *progress {
	p := &progress{w: w}
	if terminal.Is(w) {
		p.stop = make(chan bool)
		go p.run()
	}
	return p
}

// set sets the text to show from now on.
func (p *progress) set(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text == "" {
		p.begun = time.Now()
	}
	p.text = fmt.Sprintf(format, args...)
}

// detail adds to the text, if there is one.
func (p *progress) detail(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text != "" {
		p.text = fmt.Sprintf(format, args...)
	}
}

// clear erases the text, because others are about to write.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = ""
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// end clears the text for good.
func (p *progress) end() {
	p.clear()
	if p.stop != nil {
		close(p.stop)
	}
}

func (p *progress) run() {
	tick := time.NewTicker(patience / 4)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.show()
		}
	}
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	takes := time.Since(p.begun)
	if p.text == "" || takes < patience {
		return
	}
	// A line that the terminal wraps could not be erased.
	const width = 60
	text := []rune(p.text)
	text = text[:min(len(text), width)]
	fmt.Fprintf(p.w, "\r%s, %v\x1b[K", string(text), takes.Truncate(time.Second))
	p.shown = true
}

// bar draws how far work has come that has taken some time so far, and says how much is
// left; "" if that is not known.
func bar(elapsed, left time.Duration) string {
	const width = 20
	seconds := left.Round(time.Second)
	if seconds <= 0 {
		return ""
	}
	done := int(width * elapsed.Seconds() / (elapsed + left).Seconds())
	return fmt.Sprintf(" [%-*s] about %v left", width, strings.Repeat("=", done), seconds)
}

// meter returns what shows how far work of a known size has come, from the time that it has
// taken so far.
func (p *progress) meter(what string) func(done, total uint64) {
	begun := time.Now()
	return func(done, total uint64) {
		elapsed, left := time.Since(begun), time.Duration(0)
		if done > 0 && done < total {
			left = time.Duration(float64(elapsed) * float64(total-done) / float64(done))
		}
		p.set("%s%s", what, bar(elapsed, left))
	}
}
