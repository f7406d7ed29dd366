// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakwindow

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

func TestCursor(t *testing.T) {
	for n := range 3 {
		want := Cursor{BootID: boot, Jiffies: 4295012345}
		for i := range n * 150 {
			want.Modules = append(want.Modules, kmemleak.Module{
				Name: fmt.Sprint("module_", i), BuildID: fmt.Sprintf("%040x", i*7919),
				Sections: map[string]uint64{".text": 0xffffffffc0000000 + uint64(i)<<12, ".init.text": 0xffffffffc1000000 + uint64(i)<<12},
			})
		}
		text := want.String()
		if strings.ContainsAny(text, " \t\n'\"$`\\/*?[]{}()<>|&;#~!") || len(text) > 128<<10 {
			t.Errorf("%d bytes: %s", len(text), clip(text))
		}
		got, err := ParseCursor(" " + text + "\n")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

func TestParseCursor(t *testing.T) {
	whole := at(7, kmemleak.Module{Name: "m", Sections: map[string]uint64{".text": 1}})
	for _, tt := range []struct{ text, want string }{
		{"", "expected what kmemleak mark prints"},
		{"1234.5", "expected what kmemleak mark prints"},
		{"kmemleak17:a:b", "it is of a newer version of kmemleak than this one"},
		{"kmemleak1:" + boot, "expected a boot ID, jiffies and modules"},
		{"kmemleak1:x:1:", "expected a boot ID, jiffies and modules"},
		{"kmemleak1:" + boot + ":-1:", `jiffies "-1"`},
		{whole[:len(whole)-1], "its modules are cut or damaged"},
		{whole[:len(whole)-8], "its modules are cut or damaged"},
		{at(7) + "!", "its modules are cut or damaged"},
	} {
		_, err := ParseCursor(tt.text)
		if !errors.Is(err, kmemleak.ErrFormat) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
}

// TestUnpacked has cursors with the same modules, which are unpacked once, and more modules than
// fit.
func TestUnpacked(t *testing.T) {
	m := kmemleak.Module{Name: "m", Sections: map[string]uint64{".text": 1}}
	spans, err := Parse(strings.NewReader("a " + at(1, m) + " " + at(2, m) + "\nb " + at(2, m) + " " + at(3) + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	first := &spans[0].From.Cursor.Modules[0]
	if &spans[0].To.Cursor.Modules[0] != first || &spans[1].From.Cursor.Modules[0] != first || spans[1].To.Cursor.Modules != nil {
		t.Errorf("%+v", spans)
	}
	m.Name = strings.Repeat("m", maxUnpacked)
	for text, u := range map[string]*unpacked{at(1, m): new(unpacked), at(1, kmemleak.Module{}): {size: maxInAll}} {
		if _, err := u.cursor(text); !errors.Is(err, kmemleak.ErrFormat) || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%v", err)
		}
	}
}

func TestTake(t *testing.T) {
	k := kerneltest.New(t)
	d := k.Detector()
	before := k.Alloc(kmemleak.Leak{})
	c, err := Take(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if after := k.Alloc(kmemleak.Leak{}); before.Jiffies >= c.Jiffies || after.Jiffies < c.Jiffies {
		t.Errorf("cursor of %d, objects of %d and %d", c.Jiffies, before.Jiffies, after.Jiffies)
	}
	same, err := BootID(t.Context(), d)
	if err != nil || c.On(same) != nil {
		t.Errorf("%v, %v", err, c.On(same))
	}
	other, err := BootID(t.Context(), kerneltest.New(t).Detector())
	if err != nil || !errors.Is(c.On(other), ErrOtherBoot) {
		t.Errorf("%v, %v, want ErrOtherBoot", err, c.On(other))
	}
	k.Fail(kerneltest.Setting, kmemleak.ErrUnavailable)
	if _, err := Take(t.Context(), d); !errors.Is(err, kmemleak.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(at(1))
	f.Add(at(7, kmemleak.Module{Name: "m", Sections: map[string]uint64{".text": 1}}))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCursor(text)
		if err != nil {
			return
		}
		if again, err := ParseCursor(c.String()); err != nil || again.Jiffies != c.Jiffies || again.BootID != c.BootID {
			t.Errorf("%v: %+v", err, again)
		}
	})
}
