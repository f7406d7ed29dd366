// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

// lawCase is one search of a kernel that hides objects.
type lawCase struct {
	n        int // min_unref_scans
	scanTime time.Duration
	hidden   [][]int // by object, the scans that do not see it
	freed    int     // scan in which the first object is freed; 0 is none
	during   bool    // objects are allocated during the work, not long before
}

// check makes the search and wants all that is still lost, and nothing else.
func (c lawCase) check(t *testing.T) {
	var end func()
	k := kerneltest.New(cleanup(func(f func()) { end = f }))
	defer end()
	k.SetMinUnrefScans(c.n)
	k.SetScanTime(c.scanTime)
	addrs := make([]uint64, len(c.hidden))
	work := func() {
		for i, scans := range c.hidden {
			addrs[i] = k.Alloc(kmemleak.Leak{}).Addr
			k.HideFrom(addrs[i], scans...)
		}
	}
	d := k.Detector()
	free := atStage(kmemleak.StageScanning, func(scan int) {
		if scan == c.freed {
			k.Free(addrs[0])
		}
	})
	var found kmemleak.Finding
	var err error
	if c.during {
		found, err = d.During(t.Context(), work, free)
	} else {
		work()
		time.Sleep(time.Minute)
		found, err = d.Find(t.Context(), free)
	}
	want := addrs
	if c.freed > 0 {
		want = addrs[1:]
	}
	var got []uint64
	for _, l := range found.Leaks {
		got = append(got, l.Addr)
	}
	if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" || err != nil {
		t.Errorf("%+v: %v after %d scans, addresses (-want +got):\n%s", c, err, found.Scans, diff)
	}
}

// cleanup is a kerneltest.T.
type cleanup func(f func())

func (c cleanup) Cleanup(f func()) { c(f) }

// subsets returns all sets of up to two of the scans 1 to last.
func subsets(last int) (sets [][]int) {
	sets = append(sets, nil)
	for a := 1; a <= last; a++ {
		sets = append(sets, []int{a})
		for b := a + 1; b <= last; b++ {
			sets = append(sets, []int{a, b})
		}
	}
	return sets
}

// TestLaw proves the law of docs/guarantees.md for all small cases: whichever two scans
// do not see a leak, the first one among them or not, the search finds it.
func TestLaw(t *testing.T) {
	for n := 1; n <= 4; n++ {
		last := 1 + 3*n + 2 // scans that can matter: those of the law, and of absences after it
		for _, scanTime := range []time.Duration{time.Second / 10, time.Second, 30 * time.Second} {
			t.Run(fmt.Sprintf("%d scans in a row, of %v", n, scanTime), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					sets := subsets(last)
					for i, one := range sets {
						if testing.Short() && i%3 != 0 {
							continue
						}
						// Objects meet in the agreement of readings only: for more than one
						// scan in a row some pairs do.
						others := [][]int{sets[len(sets)-1-i], sets[(i*5+3)%len(sets)]}
						if n == 1 && scanTime > time.Second {
							others = sets
						}
						for j, other := range others {
							lawCase{n, scanTime, [][]int{one, other}, (2 + i + j) % (3 * n), true}.check(t)
						}
						for _, freed := range []int{0, 1 + n, 2 + n} {
							lawCase{n, scanTime, [][]int{one}, freed, true}.check(t)
							lawCase{n, scanTime, [][]int{one}, freed, false}.check(t)
						}
					}
				})
			})
		}
	}
}

// TestMinUnrefScans wants an error where nobody knows how many scans are enough.
func TestMinUnrefScans(t *testing.T) {
	for _, tt := range []struct {
		name  string
		n     int
		fails error
		scans int // of a search with scans of a minute
		err   string
	}{
		{"an older kernel", 7, fs.ErrNotExist, 4, ""},
		{"0 is as 1", 0, nil, 4, ""},
		{"2", 2, nil, 7, ""},
		{"as many as anybody waits for", 100, nil, 301, ""},
		{"more", 101, nil, 0, "min_unref_scans asks for 101 scans that find an object unreferenced, which would take too long (write a number up to 100 to it)"},
		{"closed", 2, fs.ErrPermission, 0, "a file that cannot be read (as root it can): permission denied"},
		{"no number", -1, nil, 0, "is not a number"},
	} {
		simulate(t, tt.name, func(t *testing.T, k *kerneltest.Kernel) {
			k.SetScanTime(time.Minute)
			k.SetMinUnrefScans(tt.n)
			k.Fail(kerneltest.Setting, tt.fails)
			f, err := examine(t, k)
			if f.Scans != tt.scans || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%d scans, %v, want %d, %q", f.Scans, err, tt.scans, tt.err)
			}
			if tt.fails == fs.ErrPermission && !errors.Is(err, tt.fails) {
				t.Errorf("%v does not match %v", err, tt.fails)
			}
		})
	}
}
