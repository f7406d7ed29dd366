// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakwindow

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

const boot = "01234567-89ab-cdef-0123-456789abcdef"

// at returns a cursor of some boot.
func at(jiffies uint64, modules ...kmemleak.Module) string {
	return Cursor{BootID: boot, Jiffies: jiffies, Modules: modules}.String()
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string // name and line
		err  string
	}{
		{"", nil, ""},
		{"\ufeff# a b c\n\n  a " + at(1) + " " + at(2) + "\r\nb c\td 1 2.5\n", []string{"a 3", "b c d 4"}, ""},
		{"a 1 -\n", []string{"a 1"}, ""},
		{"a 1 2\na - 2\n", []string{"a 1"}, `line 2: a test does not begin now: "a - 2"`},
		{"a 1\n", nil, `line 1: expected a name, a beginning and an end: "a 1"`},
		{"a 1 x\n", nil, `line 1: time "x" is no cursor (kmemleak mark), no seconds since boot and not -: "a 1 x"`},
		{"a 1 1e9\n", nil, `line 1: time "1e9" is no cursor (kmemleak mark), no seconds since boot and not -: "a 1 1e9"`},
		{"a 1 kmemleak2:x\n", nil, `line 1: cursor "kmemleak2:x": it is of a newer version of kmemleak than this one: "a 1 kmemleak2:x"`},
		{strings.Repeat("x", 2<<20), nil, `line 1: the line is too long`},
	} {
		spans, err := Parse(strings.NewReader(tt.text))
		var got []string
		for _, s := range spans {
			got = append(got, fmt.Sprint(s.Name, " ", s.Line))
		}
		text := ""
		if err != nil {
			text = err.Error()
			if !errors.As(err, new(*kmemleak.ParseError)) || !errors.Is(err, kmemleak.ErrFormat) {
				t.Errorf("%q: an error of another kind: %v", clip(tt.text), err)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || text != tt.err {
			t.Errorf("%q: error %q, want %q (-want +got):\n%s", clip(tt.text), text, tt.err, diff)
		}
	}
}

func TestWindows(t *testing.T) {
	// 100 ticks a second, 1000 s after boot.
	apart := &Boot{ID: boot, clock: kmemleak.Clock{HZ: 100, Jiffies: 1 << 33, Uptime: 1000 * time.Second}, apart: 400 * time.Millisecond}
	spans, err := Parse(strings.NewReader("a 990 995.5"))
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := apart.Windows(spans, nil); err != nil || got[0].From != 1<<33-1041 || got[0].To != 1<<33-408 {
		t.Errorf("clocks that differ: %v, %v", got, err)
	}
	b := &Boot{ID: boot, clock: kmemleak.Clock{HZ: 100, Jiffies: 1 << 33, Uptime: 1000 * time.Second}}
	for _, tt := range []struct {
		line string
		want kmemleak.Window // without a name
		err  string
	}{
		{at(100) + " " + at(200), kmemleak.Window{From: 100, To: 199}, ""},
		{at(100) + " " + at(100), kmemleak.Window{From: 100, To: 100}, ""},
		{at(math.MaxUint32) + " " + at(0), kmemleak.Window{From: math.MaxUint32, To: math.MaxUint32}, ""},
		{at(math.MaxUint32-5) + " " + at(7), kmemleak.Window{From: math.MaxUint32 - 5, To: 6}, ""},
		{at(100) + " -", kmemleak.Window{From: 100, To: 1 << 33}, ""},
		{"990 995.5", kmemleak.Window{From: 1<<33 - 1002, To: 1<<33 - 448}, ""},
		{"999.99 1000", kmemleak.Window{From: 1<<33 - 3, To: 1 << 33}, ""},
		{at(200) + " " + at(100), kmemleak.Window{}, "line 1: test a: it ends before it begins"},
		{"20 10", kmemleak.Window{}, "line 1: test a: it ends before it begins"},
		{"20 1002", kmemleak.Window{}, "line 1: test a: the cursor is of another boot: 16m42s after boot is in the future: this boot is 16m40s old"},
		{strings.Replace(at(1), "0123", "4567", 1) + " -", kmemleak.Window{},
			"line 1: test a: the cursor is of another boot: of 45674567-89ab-cdef-0123-456789abcdef, and this is " + boot + " (take it with kmemleak mark after the machine has booted, on the same machine)"},
	} {
		spans, err := Parse(strings.NewReader("a " + tt.line))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := b.Windows(spans, nil)
		text := ""
		if err != nil {
			text = err.Error()
		}
		var want []kmemleak.Window
		if tt.err == "" {
			tt.want.Name = "a"
			want = []kmemleak.Window{tt.want}
		}
		if diff := cmp.Diff(want, got); diff != "" || text != tt.err {
			t.Errorf("%s: error %q, want %q (-want +got):\n%s", tt.line, text, tt.err, diff)
		}
	}
}

// A test's seconds and its cursors mean the same time, on a kernel that runs.
func TestRead(t *testing.T) {
	k := kerneltest.New(t)
	d := k.Detector()
	c, err := Take(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	uptime := fmt.Sprintf("%.2f", b.Clock().Uptime.Seconds())
	spans, err := Parse(strings.NewReader("a " + c.String() + " -\nb " + uptime + " -\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := b.Windows(spans, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ticks := int64(got[0].From - got[1].From); ticks > kerneltest.HZ || ticks < -kerneltest.HZ {
		t.Errorf("a cursor and %s s are %d ticks apart", uptime, ticks)
	}
	if _, _, err := (&Boot{ID: boot}).Windows(spans, nil); !errors.Is(err, ErrOtherBoot) {
		t.Errorf("%v, want ErrOtherBoot", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a " + at(1, kmemleak.Module{Name: "m"}) + " 2\n")
	f.Add("# x\nb c 1 -\n")
	f.Fuzz(func(t *testing.T, text string) {
		spans, _ := Parse(strings.NewReader(text))
		b := &Boot{ID: boot, clock: kmemleak.Clock{HZ: 100, Jiffies: 1 << 33, Uptime: 1000 * time.Second}}
		windows, _, err := b.Windows(spans, nil)
		if err == nil && len(windows) != len(spans) {
			t.Errorf("%d windows of %d tests", len(windows), len(spans))
		}
	})
}

// Modules that a test has unloaded are known, and modules that it has reloaded are
// at their last place.
func TestMerge(t *testing.T) {
	at := func(name string, addr uint64) kmemleak.Module {
		return kmemleak.Module{Name: name, Sections: map[string]uint64{".text": addr}}
	}
	got := Merge([]kmemleak.Module{at("kept", 1), at("moved", 3)}, []kmemleak.Module{at("kept", 1), at("moved", 2), at("gone", 4)})
	if diff := cmp.Diff([]kmemleak.Module{at("kept", 1), at("moved", 3), at("moved", 2), at("gone", 4)}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
