// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestClockSince(t *testing.T) {
	const start = 4294892296 // of a counter with 250 ticks a second
	wall := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	tests := []struct {
		name    string
		clock   Clock
		jiffies uint64
		want    time.Duration
		ok      bool
	}{
		{"nothing known", Clock{}, start, 0, false},
		{"no tick rate", Clock{Jiffies: start, Wall: wall}, start, 0, false},
		{"at boot", BootClock(250), start, 0, true},
		{"a second", BootClock(250), start + 250, time.Second, true},
		{"one tick", BootClock(300), BootClock(300).Jiffies + 1, time.Second / 300, true},
		{"beyond 2^32", BootClock(1000), 1<<32 + 1000, 301 * time.Second, true},
		{"a year", BootClock(1000), BootClock(1000).Jiffies + 365*86400*1000, 365 * 24 * time.Hour, true},
		{"32 bit, after its overflow", BootClock(100), 874518, (874518 + 30000) * 10 * time.Millisecond, true},
		{"before boot", BootClock(250), start - 1000, 0, false},
		{"longer than a Duration", BootClock(100), math.MaxUint64, 0, false},
		{"longer than a Duration, half", BootClock(250), 1 << 63, 0, false},
		{"longer than a Duration with the reading", Clock{HZ: 1000, Jiffies: 1 << 33, Uptime: math.MaxInt64 - 5}, 1<<33 + 1, 0, false},
		{"64 bit, a value of 32 bits", Clock{HZ: 1000, Jiffies: 1<<32 + 5000, Uptime: 305 * time.Second}, 5, 0, false},
		{"32 bit, a value of 64 bits", Clock{HZ: 1000, Jiffies: 5000, Uptime: 305 * time.Second}, 1<<32 + 5, 0, false},
		{"before the boot of a reading", Clock{HZ: 100, Jiffies: 4294960000, Uptime: 10 * time.Second}, 4294950000, 0, false},
		{"before the reading", Clock{HZ: 100, Jiffies: 4294960000, Uptime: 1000 * time.Second}, 4294950000, 900 * time.Second, true},
		{"after the reading", Clock{HZ: 100, Jiffies: 4294960000, Uptime: 1000 * time.Second}, 4294960100, 1001 * time.Second, true},
		{"32 bit, reading after the overflow", Clock{HZ: 100, Jiffies: 100, Uptime: 301 * time.Second}, 1<<32 - 100, 299 * time.Second, true},
		{"32 bit, after the reading", Clock{HZ: 100, Jiffies: 100, Uptime: 301 * time.Second}, 200, 302 * time.Second, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := tt.clock.Since(tt.jiffies)
			if got != tt.want || ok != tt.ok {
				t.Errorf("Since(%d) = %v, %v, want %v, %v", tt.jiffies, got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestClockTime(t *testing.T) {
	wall := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	c := Clock{HZ: 100, Jiffies: 4294960000, Uptime: 1000 * time.Second, Wall: wall}
	if got, ok := c.Time(4294950000); !ok || !got.Equal(wall.Add(-100*time.Second)) {
		t.Errorf("Time = %v, %v", got, ok)
	}
	c.Wall = time.Time{}
	if got, ok := c.Time(4294950000); ok || !got.IsZero() {
		t.Errorf("without wall clock Time = %v, %v", got, ok)
	}
}

// timerList is the part of /proc/timer_list that counts.
func timerList(uptime time.Duration, jiffies uint64) string {
	return fmt.Sprintf("Timer List Version: v0.10\nHRTIMER_MAX_CLOCK_BASES: 8\nnow at %d nsecs\n\ncpu: 0\n clock 0:\n"+
		"  .idle_jiffies   : 4294894271\njiffies: %d\n\ncpu: 1\njiffies: %d\n", uptime.Nanoseconds(), jiffies, jiffies)
}

func TestTimerListClock(t *testing.T) {
	for _, hz := range []int{100, 250, 300, 1000, 1024} {
		for _, uptime := range []time.Duration{10 * time.Second, 100 * time.Second, time.Hour, 40 * 24 * time.Hour, 60 * 24 * time.Hour, 170 * 24 * time.Hour} {
			late := uptime - 30*time.Millisecond // the counter starts later
			jiffies := BootClock(hz).Jiffies + uint64(late.Seconds()*float64(hz))
			for _, j := range []uint64{jiffies, uint64(uint32(jiffies))} { // 64 and 32 bit
				c, err := TimerListClock(strings.NewReader(timerList(uptime, j)))
				want := Clock{HZ: hz, Jiffies: j, Uptime: uptime}
				if err != nil || c != want {
					t.Errorf("HZ %d, %v after boot: %+v, %v", hz, uptime, c, err)
				}
			}
		}
	}
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "timer list: no jiffies, or no time that they were read at"},
		{"no time", "jiffies: 5\n", "timer list: no jiffies, or no time that they were read at"},
		{"fifth minute", timerList(300*time.Second, 1<<32), "timer list: 5m0s after boot several tick rates are possible"},
		{"nonsense", timerList(100*time.Second, 1<<40), "timer list: no tick rate gives 1099511627776 jiffies 1m40s after boot"},
	} {
		c, err := TimerListClock(strings.NewReader(tt.text))
		if err == nil || err.Error() != tt.want || c.HZ != 0 {
			t.Errorf("%s: %+v, %v", tt.name, c, err)
		}
	}
	if _, err := TimerListClock(iotest.ErrReader(fmt.Errorf("broken"))); err == nil || err.Error() != "timer list: broken" {
		t.Errorf("error %v", err)
	}
}

func TestLeaksClock(t *testing.T) {
	age := func(j uint64, ms int) Leak { return Leak{Jiffies: j, Age: time.Duration(ms) * time.Millisecond} }
	tests := []struct {
		name  string
		leaks []Leak
		hz    int // 0: unknown
	}{
		{"none", nil, 0},
		{"no ages", []Leak{{Jiffies: 1}, {Jiffies: 2}}, 0},
		{"one", []Leak{age(4294892296, 5000)}, 0},
		{"too close", []Leak{age(4294892296, 5000), age(4294892500, 4200)}, 0},
		{"250", []Leak{age(4294892296, 105000), {Jiffies: 7}, age(4294892296+250*100, 5003)}, 250},
		{"any order", []Leak{age(4294892296+250*100, 5003), age(4294892296+250*50, 55001), age(4294892296, 105000)}, 250},
		{"over the 32-bit overflow", []Leak{age(1<<32-1000, 105000), age(9000, 5003)}, 100},
		{"no such rate", []Leak{age(4294892296, 105000), age(4294892296+177*100, 5003)}, 0},
		{"backwards", []Leak{age(4294892296+25000, 105000), age(4294892296, 5003)}, 0},
	}
	for _, tt := range tests {
		c, err := LeaksClock(tt.leaks)
		if tt.hz == 0 && (err == nil || c != (Clock{})) || tt.hz != 0 && (err != nil || c != BootClock(tt.hz)) {
			t.Errorf("%s: %+v, %v", tt.name, c, err)
		}
	}
}
