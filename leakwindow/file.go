// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakwindow

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/machine"
)

// A Moment is a time as a script writes it down: a [Cursor], a number of seconds since
// boot, or the present.
type Moment struct {
	Cursor *Cursor       // nil if it is no cursor
	Uptime time.Duration // since boot; negative: now
}

// isSeconds reports whether a text is a number of seconds, of up to nine digits on each
// side of a point.
func isSeconds(text string) bool {
	whole, part, ok := strings.Cut(text, ".")
	return number(whole) && len(whole) <= 9 && (!ok || number(part) && len(part) <= 9)
}

// number reports whether a text is of decimal digits, and not empty.
func number(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// ParseMoment reads a cursor, seconds since boot as /proc/uptime begins with, such as
// 123.45, or "-", which is now. The error matches [kmemleak.ErrFormat].
func ParseMoment(text string) (Moment, error) { return new(unpacked).moment(text) }

func (u *unpacked) moment(text string) (Moment, error) {
	switch {
	case text == "-":
		return Moment{Uptime: -1}, nil
	case isSeconds(text):
		d, err := time.ParseDuration(text + "s")
		return Moment{Uptime: d}, err
	case strings.HasPrefix(text, "kmemleak"):
		c, err := u.cursor(text)
		return Moment{Cursor: &c}, err
	}
	return Moment{}, formatErrorf("time %q is no cursor (kmemleak mark), no seconds since boot and not -", clip(text))
}

// A Span is a test with its beginning and its end.
type Span struct {
	Name     string
	From, To Moment
	Line     int // of the file
}

// Parse reads a file with a line for each test: its name, the moment when it began and the
// moment when it had ended, see [ParseMoment], with blanks between them. The name may have
// blanks, too. Empty lines and lines that start with # do not count.
//
//	net/ping kmemleak1:3c0f…:4295012345: kmemleak1:3c0f…:4295013345:
//	net/tcp 1802.44 1810.02
//
// The error is a [*kmemleak.ParseError], or that of r. The tests before the wrong line are
// returned with it.
func Parse(r io.Reader) ([]Span, error) {
	const longest = 1 << 20 // two cursors with many modules
	var spans []Span
	var known unpacked
	in := bufio.NewScanner(r)
	in.Buffer(nil, longest)
	line := 0
	fail := func(text string, err error) ([]Span, error) {
		return spans, &kmemleak.ParseError{Line: line, Text: clip(text), Err: err}
	}
	for in.Scan() {
		line++
		text := strings.TrimSpace(strings.TrimPrefix(in.Text(), "\ufeff"))
		if text == "" || text[0] == '#' {
			continue
		}
		fields := strings.Fields(text)
		if len(fields) < 3 {
			return fail(text, formatErrorf("expected a name, a beginning and an end"))
		}
		last := len(fields) - 1
		from, err1 := known.moment(fields[last-1])
		to, err2 := known.moment(fields[last])
		if err := cmp.Or(err1, err2); err != nil {
			return fail(text, err)
		}
		if from.Uptime < 0 {
			return fail(text, formatErrorf("a test does not begin now"))
		}
		spans = append(spans, Span{Name: strings.Join(fields[:last-1], " "), From: from, To: to, Line: line})
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		line++
		return fail("", formatErrorf("the line is too long"))
	case err != nil:
		return spans, fmt.Errorf("line %d: %w", line+1, err)
	}
	return spans, nil
}

// A Boot is one boot of a kernel with its clocks, which turn a [Moment] into ticks.
type Boot struct {
	ID    string
	clock kmemleak.Clock
	apart time.Duration // how far /proc/uptime and the clock differ
	err   error         // why it is not known how seconds are to be turned into ticks
}

// Read reads the clocks of d's kernel. It needs root.
func Read(ctx context.Context, d *kmemleak.Detector) (*Boot, error) {
	id, err := BootID(ctx, d)
	if err != nil {
		return nil, err
	}
	m := machine.Of(d.Transport, d.Path)
	list, err := m.Setting(ctx, "/proc/timer_list")
	if err != nil {
		return nil, fmt.Errorf("clock: %w (it is open to root only)", err)
	}
	b := &Boot{ID: id}
	b.clock, b.err = kmemleak.TimerListClock(bytes.NewReader([]byte(list + "\n")))
	if b.clock.Jiffies == 0 && b.err != nil {
		return nil, fmt.Errorf("clock: %w", b.err)
	}
	uptime, err := m.Setting(ctx, "/proc/uptime")
	if err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	text, _, _ := strings.Cut(uptime, " ")
	// It counts the time for which the machine was suspended, and ticks do not.
	up, err := strconv.ParseFloat(text, 64)
	apart := math.Abs(up - b.clock.Uptime.Seconds())
	if b.err == nil && (err != nil || apart > 1) {
		b.err = fmt.Errorf("the machine was suspended, or answers slowly: /proc/uptime says %s s, and it ran for %.2f s", text, b.clock.Uptime.Seconds())
	}
	b.apart = time.Duration(apart * float64(time.Second))
	return b, nil
}

// Clock returns the kernel's clock at the time of Read, without Wall. Its HZ is 0 if it is
// not known.
func (b *Boot) Clock() kmemleak.Clock { return b.clock }

// Windows returns the windows of tests, and the modules that their cursors name and that
// loaded does not have. Windows from cursors are exact to a tick: one cursor can be the
// end of a test and the beginning of the next. Windows from seconds reach 10 ms and a tick
// beyond both ends, or more by what /proc/uptime and the clock differ.
//
// The error names the line, and matches [ErrOtherBoot] for the cursor of another boot.
func (b *Boot) Windows(spans []Span, loaded []kmemleak.Module) ([]kmemleak.Window, []kmemleak.Module, error) {
	windows := make([]kmemleak.Window, 0, len(spans))
	modules := loaded
	merged := make(map[*kmemleak.Module]bool) // lists, by their first one
	for _, s := range spans {
		w := kmemleak.Window{Name: s.Name}
		var err1, err2 error
		w.From, err1 = b.tick(s.From, false)
		w.To, err2 = b.tick(s.To, true)
		if err := cmp.Or(err1, err2); err != nil {
			return nil, nil, fmt.Errorf("line %d: test %s: %w", s.Line, clip(s.Name), err)
		}
		switch ticks := int64(w.To - w.From); {
		case s.From.Cursor != nil && s.To.Cursor != nil && s.From.Cursor.Jiffies == s.To.Cursor.Jiffies:
			w.To = w.From // the same cursor twice
		case ticks < 0 && (w.From > math.MaxUint32 || ticks > -1<<31): // else a 32-bit counter began anew
			return nil, nil, formatErrorf("line %d: test %s: it ends before it begins", s.Line, clip(s.Name))
		}
		windows = append(windows, w)
		for _, m := range []Moment{s.From, s.To} {
			if c := m.Cursor; c != nil && len(c.Modules) > 0 && !merged[&c.Modules[0]] {
				merged[&c.Modules[0]] = true
				modules = Merge(modules, c.Modules)
			}
		}
	}
	return windows, modules, nil
}

// tick returns the first or the last tick of a window.
func (b *Boot) tick(m Moment, last bool) (uint64, error) {
	switch c := m.Cursor; {
	case c != nil && last:
		return c.before(), c.On(b.ID)
	case c != nil:
		return c.Jiffies, c.On(b.ID)
	case m.Uptime < 0:
		return b.clock.Jiffies, nil
	case b.err != nil:
		return 0, fmt.Errorf("seconds cannot be turned into ticks: %w (use the cursors of kmemleak mark)", b.err)
	case m.Uptime > b.clock.Uptime+time.Second:
		return 0, fmt.Errorf("%w: %v after boot is in the future: this boot is %v old", ErrOtherBoot, m.Uptime, b.clock.Uptime.Round(time.Second))
	}
	exact := max(10*time.Millisecond, b.apart).Seconds() // /proc/uptime counts hundredths
	ago := (b.clock.Uptime - m.Uptime).Seconds()
	back := math.Ceil((ago+exact)*float64(b.clock.HZ)) + 1
	if last {
		back = math.Floor((ago-exact)*float64(b.clock.HZ)) - 1
	}
	tick := b.clock.Jiffies - uint64(max(back, 0)) // nothing is after the reading
	if b.clock.Jiffies <= math.MaxUint32 {
		tick = uint64(uint32(tick))
	}
	return tick, nil
}

// Merge returns modules and those of others that have no module of their name and place.
func Merge(modules, others []kmemleak.Module) []kmemleak.Module {
	for _, o := range others {
		same := func(m kmemleak.Module) bool {
			if m.Name != o.Name {
				return false
			}
			for name, addr := range m.Sections {
				if other, ok := o.Sections[name]; ok && other != addr { // cursors have some sections only
					return false
				}
			}
			return true
		}
		if !slices.ContainsFunc(modules, same) {
			modules = append(modules[:len(modules):len(modules)], o)
		}
	}
	return modules
}
