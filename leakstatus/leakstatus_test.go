// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakstatus

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/machine"
	"github.com/kmemleak/kmemleak/kerneltest"
)

// What others do meanwhile is seen, and nothing is changed.
func TestLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kerneltest.New(t)
		now, err := k.Detector().Jiffies()
		if err != nil {
			t.Fatal(err)
		}
		k.Alloc(kmemleak.Leak{Size: 32, Jiffies: now - 10*kerneltest.HZ})
		for range 2 {
			if err := k.Write("scan", "cron"); err != nil {
				t.Fatal(err)
			}
		}
		k.SetMinUnrefScans(2)
		go func() {
			time.Sleep(500 * time.Millisecond)
			k.Write("stack=on", "cron")
		}()
		release := k.HoldLock()
		defer release()
		before := len(k.Commands())
		s := Look(t.Context(), k.Detector(), time.Second)
		if s.Problem != nil || s.Reported != 1 || s.Bytes != 32 || !s.Searching || len(s.Writers) != 1 {
			t.Errorf("%+v", s)
		}
		settings := make(map[string]string)
		for _, setting := range s.Settings {
			settings[setting.Name] = setting.Value
		}
		if diff := cmp.Diff(map[string]string{"automatic scan": "off", "stack scan": "not known", "min_unref_scans": "2"}, settings); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, c := range k.Commands()[before:] {
			if c != "?" && c != "stack=on" {
				t.Errorf("gave the command %q", c)
			}
		}
		k.Fail(kerneltest.Probe, kmemleak.ErrDisabled)
		if s := Look(t.Context(), k.Detector(), time.Second); !errors.Is(s.Problem, kmemleak.ErrDisabled) {
			t.Errorf("problem %v", s.Problem)
		}
	})
}

// A damaged kernel may report any sizes.
func TestReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kerneltest.New(t)
		now, err := k.Detector().Jiffies()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			k.Alloc(kmemleak.Leak{Size: 1<<64 - 1, Jiffies: now - 10*kerneltest.HZ})
		}
		for range 2 {
			if err := k.Write("scan", "cron"); err != nil {
				t.Fatal(err)
			}
		}
		if s := Look(t.Context(), k.Detector(), time.Second); s.Problem != nil || s.Reported != 2 || s.Bytes != 1<<64-1 {
			t.Errorf("%+v", s)
		}
	})
}

// slabs is a machine of which little is known but a file of SLUB.
type slabs struct {
	machine.Machine
	capacity string
}

func (slabs) ScanThread(context.Context) (bool, error) { return false, nil }

func (slabs) WasStopped() bool { return false }

func (m slabs) Setting(_ context.Context, name string) (string, error) {
	if m.capacity == "" || path.Base(name) != "sheaf_capacity" {
		return "", fs.ErrNotExist
	}
	return m.capacity, nil
}

func TestSheaves(t *testing.T) {
	for capacity, want := range map[string]*Setting{
		"": nil, "0": {Name: sheaves, Value: "0"},
		"60": {Name: sheaves, Value: "60", Note: "SLUB points to what it allocated last, which hides leaks"},
	} {
		var s Status
		s.settings(t.Context(), slabs{capacity: capacity})
		var got *Setting
		for _, setting := range s.Settings {
			if setting.Name == sheaves {
				got = &setting
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", capacity, diff)
		}
	}
}
