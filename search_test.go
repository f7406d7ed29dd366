// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

// The estimate of the time that is left is right from the end of the first scan on,
// where all scans take as long and nothing else takes any time.
func TestProgressLeft(t *testing.T) {
	for _, scan := range []time.Duration{0, time.Second / 10, time.Second, time.Minute} {
		for name, opts := range map[string][]kmemleak.Option{"": nil, ", Thorough": {kmemleak.Thorough()}} {
			simulate(t, scan.String()+name, func(t *testing.T, k *kerneltest.Kernel) {
				k.SetScanTime(scan)
				k.SetMinUnrefScans(2)
				alloc(k, 1)
				var all []kmemleak.Progress
				progress := kmemleak.WithProgress(func(p kmemleak.Progress) { all = append(all, p) })
				begun := time.Now()
				if _, err := examine(t, k, append(opts, progress)...); err != nil {
					t.Fatal(err)
				}
				took := time.Since(begun)
				for _, p := range all {
					ended := p.Elapsed + p.Left // by the estimate
					switch {
					case p.Scan == 1 && p.Stage == kmemleak.StageScanning:
						if p.Left != 0 {
							t.Errorf("%+v before anything is known", p)
						}
					case (took - ended).Abs() > time.Second+took/20:
						t.Errorf("%+v: the end was %v away", p, took-p.Elapsed)
					}
				}
			})
		}
	}
}
