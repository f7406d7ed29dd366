// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"github.com/kmemleak/kmemleak/leakfmt"
)

// row returns what status says behind a name.
func row(t *testing.T, out, name string) string {
	t.Helper()
	for line := range strings.Lines(out) {
		if value, ok := strings.CutPrefix(line, name+"  "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Errorf("no %q in\n%s", name, out)
	return ""
}

// TestIntegrationCommandStatus sees what the other commands set, and what others do.
func TestIntegrationCommandStatus(t *testing.T) {
	lose := loadLeaky(t)
	runLose(t, lose("leak", 3))
	time.Sleep(5100 * time.Millisecond) // the minimum age
	if got := runWith(t, "", "scan"); got.Status != statusLeaks {
		t.Errorf("%+v", got)
	}
	for _, tt := range []struct {
		set  []string
		want string
	}{
		{[]string{"auto", "off"}, "off: "},
		{[]string{"auto", "3600"}, "on: "},
		{[]string{"auto", "10m"}, "on: "},
		{[]string{"auto", "off"}, "off: "},
	} {
		if got := runWith(t, "", tt.set...); got != (result{}) {
			t.Errorf("%v: %+v", tt.set, got)
		}
		got := runWith(t, "", "status", "-watch", "0.2")
		if scan := row(t, got.Out, "automatic scan"); got.Status != statusNone || got.Err != "" || !strings.HasPrefix(scan, tt.want) {
			t.Errorf("%v: automatic scan %q, %+v", tt.set, scan, got)
		}
		if now := row(t, got.Out, "reported now"); !strings.Contains(now, " leaks, ") || row(t, got.Out, "kmemleak") != "on" || row(t, got.Out, "configuration") != "/proc/config.gz" {
			t.Errorf("%+v", got)
		}
		t.Logf("%s", got.Out)
	}
	for _, set := range [][]string{{"stack", "off"}, {"stack", "on"}} {
		if got := runWith(t, "", set...); got != (result{}) {
			t.Errorf("%v: %+v", set, got)
		}
	}
	for _, wrong := range [][]string{{"auto"}, {"auto", "often"}, {"stack", "maybe"}, {"off"}, {"dump"}, {"dump", "leaky"}} {
		if got := runWith(t, "", wrong...); got.Status != statusError || !strings.Contains(got.Err, "usage: ") {
			t.Errorf("%v: %+v", wrong, got)
		}
	}
}

// TestIntegrationCommandDump asks the kernel about an object that is lost, and about one
// that is none.
func TestIntegrationCommandDump(t *testing.T) {
	lose := loadLeaky(t)
	eventually(t, func() string {
		got := runWith(t, "", append([]string{"find", "-module", "leaky", "-format", "json"}, lose("leak", 1)...)...)
		var one kmemleak.Leak
		for l, err := range leakfmt.ReadJSONLines(strings.NewReader(got.Out)) {
			if err != nil {
				t.Error(err)
			}
			one = l
		}
		if one.Addr == 0 {
			return fmt.Sprintf("%+v", got)
		}
		got = runWith(t, "", "dump", "-dir", modulePath, fmt.Sprintf("%#x", one.Addr))
		if got.Status != statusNone || got.Err != "" || !strings.Contains(got.Out, "lose_one [leaky]") || !strings.HasPrefix(got.Out, fmt.Sprintf("object %#x, %d bytes: the last scan found 0 references", one.Addr, one.Size)) {
			t.Errorf("%+v", got)
		}
		return ""
	})
	if got := runWith(t, "", "dump", "0x1000"); got.Status != statusError || !strings.Contains(got.Err, "the kernel tracks no object there") {
		t.Errorf("%+v", got)
	}
}

// TestIntegrationCommandDisable switches kmemleak off, for good.
func TestIntegrationCommandDisable(t *testing.T) {
	need.Kernel(t, "expendable")
	if got := runWith(t, "", "off"); got.Status != statusError {
		t.Errorf("without -yes: %+v", got)
	}
	if got := runWith(t, "", "status"); got.Status != statusNone {
		t.Errorf("%+v", got)
	}
	if got := runWith(t, "", "off", "-yes"); got != (result{}) {
		t.Errorf("%+v", got)
	}
	got := runWith(t, "", "status")
	if got.Status != statusError || !strings.Contains(got.Out, "kmemleak was switched off after boot") || !strings.Contains(got.Out, "Boot again") {
		t.Errorf("%+v", got)
	}
	if got := runWith(t, "", "report"); got.Status != statusError || strings.Contains(got.Out, "no leaks") {
		t.Errorf("%+v", got)
	}
}

// TestIntegrationCommandStatusOff names the boot parameter.
func TestIntegrationCommandStatusOff(t *testing.T) {
	need.Kernel(t, "kmemleak=off")
	got := runWith(t, "", "status")
	if got.Status != statusError || !strings.Contains(got.Out, "take kmemleak=off off the kernel's command line") || !strings.Contains(got.Out, "GRUB_CMDLINE_LINUX") {
		t.Errorf("%+v", got)
	}
}
