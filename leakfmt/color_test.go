// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"os"
	"testing"
)

func TestColor(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	// The side of a pseudo-terminal that programs such as sshd hold is one, too.
	tty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Logf("without a terminal: %v", err)
	} else {
		defer tty.Close()
	}
	for _, tt := range []struct {
		color         Color
		noColor, term string
		want, wantTTY bool
	}{
		{Auto, "", "xterm", false, true},
		{Auto, "", "", false, true},
		{Auto, "", "dumb", false, false},
		{Auto, "1", "xterm", false, false},
		{Always, "1", "dumb", true, true},
		{Never, "", "xterm", false, false},
	} {
		t.Setenv("NO_COLOR", tt.noColor)
		t.Setenv("TERM", tt.term)
		if got := tt.color.use(new(bytes.Buffer)); got != tt.want {
			t.Errorf("%+v: %v for a buffer", tt, got)
		}
		if got := tt.color.use(file); got != tt.want {
			t.Errorf("%+v: %v for a file", tt, got)
		}
		if got := tt.color.use(null); got != tt.want {
			t.Errorf("%+v: %v for %s, which is a device but no terminal", tt, got, os.DevNull)
		}
		if tty != nil && tt.color.use(tty) != tt.wantTTY {
			t.Errorf("%+v: %v for a terminal", tt, !tt.wantTTY)
		}
	}
}
