// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
)

// TestIntegrationWatch lets the daemon look twice. It must not write a leak again.
func TestIntegrationWatch(t *testing.T) {
	need.Kernel(t, "")
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	var out bytes.Buffer
	if err := watch(ctx, &out, new(kmemleak.Detector), time.Second); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for line := range bytes.Lines(out.Bytes()) {
		var leak struct{ Addr, Error string }
		if err := json.Unmarshal(line, &leak); err != nil || leak.Error != "" {
			t.Errorf("%s: %v", line, err)
		}
		if seen[leak.Addr] {
			t.Errorf("%s is written twice", leak.Addr)
		}
		seen[leak.Addr] = true
	}
}

// If it can never look, it says so, and ends.
func TestIntegrationWatchOff(t *testing.T) {
	need.Kernel(t, "kmemleak=off")
	var out bytes.Buffer
	if err := watch(t.Context(), &out, new(kmemleak.Detector), time.Minute); !errors.Is(err, kmemleak.ErrDisabled) {
		t.Fatalf("%v, want ErrDisabled", err)
	}
	var line struct{ Error string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Error == "" {
		t.Errorf("%s: %v", out.String(), err)
	}
}
