// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakstatus"
)

func TestStatusLines(t *testing.T) {
	var all string
	for _, tt := range []struct {
		name string
		s    leakstatus.Status
	}{
		{"on", leakstatus.Status{
			Release: "6.12.0", ConfigFile: "/proc/config.gz", Config: map[string]string{"CONFIG_DEBUG_INFO": "y"}, CommandLine: []string{"kmemleak=on"},
			Settings: []leakstatus.Setting{{Name: "automatic scan", Value: "on", Note: "as it is"}, {Name: "pool", Value: "16000"}},
			Reported: 3, Bytes: 192, Writers: []string{"cron (12)\x1b[31m"},
		}},
		{"nothing known", leakstatus.Status{ReportErr: errors.New("cut"), WatchErr: errors.New("no fanotify"), Searching: true}},
		{"no answer", leakstatus.Status{Problem: errors.New("probe: transport: the shell has ended")}},
		{"off", leakstatus.Status{Problem: fmt.Errorf("%w: by kmemleak=off", kmemleak.ErrDisabled), CommandLine: []string{"kmemleak=off"}}},
	} {
		all += "--- " + tt.name + "\n" + string(statusLines(&tt.s))
	}
	golden(t, "status.txt", all)
}
