// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kmemleak/kmemleak/internal/machine"
)

// simulated is a machine with the rules of mm/kmemleak.c, for what real kernels do
// too rarely for a test. Time is that of the test's bubble.
type simulated struct {
	mu       sync.Mutex
	objects  []*simObject
	boot     time.Time
	lastScan uint64
	scans    int
	commands []string
	thread   bool

	unrefScans int              // min_unref_scans
	skip       func(i int) bool // whether a reading passes over leak i
	readings   int
	others_    []string
	lockErr    error
	probeErr   error
}

type simObject struct {
	leak     Leak
	hidden   bool // a stale pointer leads to it
	summed   bool // its checksum is known
	white    int  // scans in a row that found it unreferenced
	reported bool
	gone     bool
	grey     bool
}

const simHZ = 250

func newSimulated() *simulated {
	return &simulated{boot: time.Now().Add(-time.Hour), unrefScans: 1, skip: func(int) bool { return false }}
}

func (m *simulated) jiffies() uint64 {
	return 1<<32 - 300*simHZ + uint64(time.Since(m.boot)*simHZ/time.Second)
}

// leak adds leaks at the present time.
func (m *simulated) leak(n int, function string) []*simObject {
	m.mu.Lock()
	defer m.mu.Unlock()
	var added []*simObject
	for range n {
		o := &simObject{leak: Leak{
			Addr: 0xffff888000001000 + uint64(len(m.objects))*64, Size: 64, Comm: "sim", PID: 1, Jiffies: m.jiffies(),
			Backtrace: []Frame{{Func: function, Offset: 1, Size: 2, Module: "leaky"}},
		}}
		added = append(added, o)
		m.objects = append(m.objects, o)
	}
	return added
}

func (m *simulated) Scan(context.Context) error {
	time.Sleep(100 * time.Millisecond)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commands = append(m.commands, "scan")
	m.scans++
	now := m.jiffies()
	for _, o := range m.objects {
		switch {
		case o.gone || o.grey || o.hidden:
			o.white = 0
		case !o.summed:
			o.summed = true
		default:
			o.white++
			if now-o.leak.Jiffies >= 5*simHZ && o.white >= m.unrefScans {
				o.reported = true
			}
		}
	}
	m.lastScan = now
	return m.probeErr
}

func (m *simulated) Command(_ context.Context, word string) error {
	if word == "?" {
		return cmp.Or[error](m.probeErr, syscall.EINVAL)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commands = append(m.commands, word)
	switch word {
	case "scan=off":
		m.thread = false
	case "scan=on":
		m.thread = true
	case "clear":
		for _, o := range m.objects {
			o.grey = o.grey || o.reported && o.white > 0
		}
	}
	return nil
}

func (m *simulated) Open(context.Context) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readings++
	var b strings.Builder
	i := 0
	for _, o := range m.objects {
		if o.reported && !o.gone && !o.grey && o.white > 0 {
			if !m.skip(i) {
				b.WriteString(o.leak.String())
			}
			i++
		}
	}
	return io.NopCloser(strings.NewReader(b.String())), nil
}

func (m *simulated) Dump(_ context.Context, addr uint64) ([]machine.LogRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.objects {
		if o.leak.Addr != addr || o.gone {
			continue
		}
		minCount := 1
		if o.grey {
			minCount = 0
		}
		var records []machine.LogRecord
		for _, line := range []string{
			fmt.Sprintf("Object 0x%x (size %d):", addr, o.leak.Size),
			fmt.Sprintf("  comm \"sim\", pid 1, jiffies %d", o.leak.Jiffies),
			fmt.Sprintf("  min_count = %d", minCount), "  count = 1", "  backtrace:",
		} {
			records = append(records, machine.LogRecord{Text: machine.LogPrefix + line})
		}
		return records, nil
	}
	return nil, machine.ErrNoObject
}

func (m *simulated) Jiffies(context.Context) (uint64, error) { return m.jiffies(), nil }
func (m *simulated) Setting(context.Context, string) (string, error) {
	return fmt.Sprint(m.unrefScans), nil
}
func (m *simulated) ScanThread(context.Context) (bool, error) { return m.thread, nil }
func (m *simulated) Watch() (machine.Watcher, error)          { return m, nil }
func (m *simulated) Others() []string                         { return m.others_ }
func (m *simulated) Close()                                   {}
func (m *simulated) Apart(f func())                           { f() }
func (m *simulated) Load(context.Context, string) error       { return fs.ErrNotExist }
func (m *simulated) Unload(context.Context, string) error     { return nil }
func (m *simulated) Lock(context.Context, func()) (func(), error) {
	return func() {}, m.lockErr
}

// find looks for leaks in a simulated machine.
func (m *simulated) find(t *testing.T, opts ...Option) (Finding, error) {
	t.Helper()
	defer machine.Register("simulated", m)()
	return (&Detector{Path: "simulated"}).Examine(t.Context(), opts...)
}

// simulate runs a test in simulated time.
func simulate(t *testing.T, name string, f func(t *testing.T, m *simulated)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, newSimulated()) })
	})
}

func TestProtocol(t *testing.T) {
	simulate(t, "finds what is fresh", func(t *testing.T, m *simulated) {
		m.leak(3, "f")
		start := time.Now()
		f, err := m.find(t)
		if err != nil || len(f.Leaks) != 3 {
			t.Errorf("%d leaks, %v, want 3", len(f.Leaks), err)
		}
		if took := time.Since(start); took < 5*time.Second || took > 7*time.Second {
			t.Errorf("it took %v, want 6 s", took)
		}
	})
	simulate(t, "waits only for what is missing", func(t *testing.T, m *simulated) {
		m.leak(3, "f")
		ended := time.Now()
		time.Sleep(4 * time.Second)
		start := time.Now()
		f, err := m.find(t, Ended(ended))
		if err != nil || len(f.Leaks) != 3 {
			t.Errorf("%d leaks, %v, want 3", len(f.Leaks), err)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("it took %v, want 2 s", took)
		}
	})
	simulate(t, "min_unref_scans", func(t *testing.T, m *simulated) {
		m.unrefScans = 30
		m.leak(1, "f")
		f, err := m.find(t)
		if err != nil || len(f.Leaks) != 1 || f.Scans < 32 {
			t.Errorf("%d leaks in %d scans, %v, want 1 in 32 or more", len(f.Leaks), f.Scans, err)
		}
	})
	simulate(t, "automatic scan off first, and on again", func(t *testing.T, m *simulated) {
		m.thread = true
		if _, err := m.find(t); err != nil {
			t.Fatal(err)
		}
		first, last := m.commands[0], m.commands[len(m.commands)-1]
		if first != "scan=off" || last != "scan=on" || !m.thread {
			t.Errorf("commands %q", m.commands)
		}
		m.commands, m.thread = nil, false
		if _, err := m.find(t); err != nil || m.thread || slices.Contains(m.commands, "scan=on") {
			t.Errorf("%v, commands %q of a kernel without automatic scan", err, m.commands)
		}
	})
	simulate(t, "hidden for some scans", func(t *testing.T, m *simulated) {
		o := m.leak(1, "f")[0]
		f, err := m.find(t, WithProgress(func(p Progress) {
			o.hidden = p.Scan == 9 || p.Scan == 10 // when the search would end
		}))
		if err != nil || len(f.Leaks) != 1 {
			t.Errorf("%d leaks, %v, want 1", len(f.Leaks), err)
		}
	})
	simulate(t, "skipped by readings", func(t *testing.T, m *simulated) {
		m.leak(10, "f")
		m.skip = func(i int) bool { return (i+m.readings)%3 == 0 }
		f, err := m.find(t)
		if err != nil || len(f.Leaks) != 10 {
			t.Errorf("%d leaks, %v, want 10", len(f.Leaks), err)
		}
		seen := make(map[identity]bool)
		for _, l := range f.Leaks {
			if seen[identityOf(l)] {
				t.Errorf("0x%x twice", l.Addr)
			}
			seen[identityOf(l)] = true
		}
	})
	simulate(t, "never the same", func(t *testing.T, m *simulated) {
		_, err := m.find(t, WithProgress(func(p Progress) {
			if p.Stage == Reading {
				for _, o := range m.objects {
					o.gone = true
				}
				for _, o := range m.leak(1, "f") {
					o.reported, o.white = true, 1
				}
			}
		}))
		if err != nil || m.scans > 20 {
			t.Errorf("%d scans, %v, want it to end", m.scans, err)
		}
	})
	simulate(t, "cleared by others, unseen", func(t *testing.T, m *simulated) {
		m.leak(1, "f")
		_, err := m.find(t, WithProgress(func(p Progress) {
			if p.Stage == Scanning && p.Scan == 3 && !m.objects[0].grey {
				m.Command(t.Context(), "clear")
			}
		}))
		if !errors.Is(err, ErrInterfered) {
			t.Errorf("%v, want ErrInterfered", err)
		}
	})
	simulate(t, "thread started by others, unseen", func(t *testing.T, m *simulated) {
		_, err := m.find(t, WithProgress(func(p Progress) { m.thread = p.Scan > 1 }))
		if !errors.Is(err, ErrInterfered) {
			t.Errorf("%v, want ErrInterfered", err)
		}
	})
	simulate(t, "disabled at the end", func(t *testing.T, m *simulated) {
		_, err := m.find(t, WithProgress(func(p Progress) {
			if p.Stage == Reading && p.Scan == 10 { // the last one
				m.probeErr = ErrDisabled
			}
		}))
		if !errors.Is(err, ErrDisabled) {
			t.Errorf("%v, want ErrDisabled", err)
		}
	})
	simulate(t, "clear", func(t *testing.T, m *simulated) {
		m.leak(2, "f")
		f, err := m.find(t, ThenClear())
		if err != nil || len(f.Leaks) != 2 || m.commands[len(m.commands)-1] != "clear" {
			t.Errorf("%d leaks, %v, commands %q", len(f.Leaks), err, m.commands)
		}
		if f, err := m.find(t); err != nil || len(f.Leaks) != 0 || slices.Contains(m.commands[len(m.commands)-1:], "clear") {
			t.Errorf("%d leaks, %v after they were cleared", len(f.Leaks), err)
		}
	})
}

func TestWindow(t *testing.T) {
	const top = 1<<32 - 1
	for _, tt := range []struct {
		name    string
		w       Window
		jiffies uint64
		want    bool
	}{
		{"inside", Window{From: 10, To: 20}, 15, true},
		{"first tick", Window{From: 10, To: 20}, 10, true},
		{"last tick", Window{From: 10, To: 20}, 20, true},
		{"before", Window{From: 10, To: 20}, 9, false},
		{"after", Window{From: 10, To: 20}, 21, false},
		{"32 bits overflow: before it", Window{From: top - 5, To: 5}, top, true},
		{"32 bits overflow: after it", Window{From: top - 5, To: 5}, 0, true},
		{"32 bits overflow: too early", Window{From: top - 5, To: 5}, top - 6, false},
		{"32 bits overflow: too late", Window{From: top - 5, To: 5}, 6, false},
		{"64 bits go on", Window{From: top - 5, To: top + 5}, top + 1, true},
	} {
		if got := tt.w.Contains(tt.jiffies); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
