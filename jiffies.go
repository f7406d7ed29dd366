// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Clock turns jiffies, the kernel's count of timer ticks, into time. Kernels since
// 6.8 print no age; a Clock then knows when a [Leak] was allocated.
//
// It is a reading of the counter together with other clocks. The zero value knows
// nothing: its methods return false.
//
// Jiffies and Uptime stand still while the machine is suspended, so times on the wall
// clock are right only after the last suspend before the reading.
type Clock struct {
	HZ      int           // ticks per second (CONFIG_HZ); 0 if unknown
	Jiffies uint64        // the counter at the reading
	Uptime  time.Duration // time since boot at the reading
	Wall    time.Time     // wall clock at the reading; zero if unknown
}

// Kernels start the counter 300 seconds before 2^32 (INITIAL_JIFFIES in
// include/linux/jiffies.h), so that bugs with its overflow show early. On 32-bit
// kernels the counter starts again at 0 five minutes after boot.
const initialSeconds = 300

// kernelHZ are the values that the kernel's Kconfig files offer.
var kernelHZ = []int{24, 32, 48, 64, 100, 128, 200, 250, 256, 300, 500, 512, 1000, 1024, 1200}

// minJiffies is less than any value of a 64-bit counter.
const minJiffies = 1<<32 - initialSeconds*1200

// BootClock returns the clock of a kernel with hz ticks per second, read at boot. Its
// counter has the start value of all kernels since 2.6.
func BootClock(hz int) Clock {
	return Clock{HZ: hz, Jiffies: 1<<32 - initialSeconds*uint64(hz)}
}

// TimerListClock returns the clock that /proc/timer_list shows: the counter and the
// time since boot. HZ is the rate at which they agree with a counter that started 300
// seconds before 2^32. Around five minutes after boot several rates fit; HZ is then 0
// and an error is returned. That a 32-bit counter starts again every 2^32 ticks is
// taken into account. Set Wall to the time at which the file was read.
func TimerListClock(r io.Reader) (Clock, error) {
	var c Clock
	var hasUptime, hasJiffies bool
	in := bufio.NewScanner(r)
	for in.Scan() && !(hasUptime && hasJiffies) {
		fields := strings.Fields(in.Text())
		switch {
		case len(fields) == 4 && fields[0] == "now" && fields[1] == "at" && fields[3] == "nsecs":
			ns, err := strconv.ParseInt(fields[2], 10, 64)
			hasUptime = err == nil && ns >= 0
			c.Uptime = time.Duration(ns)
		case len(fields) == 2 && fields[0] == "jiffies:":
			j, err := strconv.ParseUint(fields[1], 10, 64)
			hasJiffies = err == nil
			c.Jiffies = j
		}
	}
	if err := in.Err(); err != nil {
		return Clock{}, fmt.Errorf("timer list: %w", err)
	}
	if !hasUptime || !hasJiffies {
		return Clock{}, errors.New("timer list: no jiffies, or no time that they were read at")
	}
	for _, hz := range kernelHZ {
		clock := BootClock(hz)
		at, ok := clock.Since(c.Jiffies)
		if c.Jiffies < 1<<32 && c.Uptime > initialSeconds*time.Second { // a 32-bit counter
			at, ok = clock.duration(uint64(uint32(c.Jiffies)-uint32(clock.Jiffies))), true
			turn := clock.duration(1 << 32)
			at += max(0, c.Uptime-at+turn/2) / turn * turn
		}
		if !ok {
			continue
		}
		// The counter starts a little after the clock, and ticks may be late.
		if diff := (c.Uptime - at).Abs(); diff < 2*time.Second+c.Uptime/2000 {
			if c.HZ != 0 {
				c.HZ = 0
				return c, fmt.Errorf("timer list: %v after boot several tick rates are possible", c.Uptime)
			}
			c.HZ = hz
		}
	}
	if c.HZ == 0 {
		return c, fmt.Errorf("timer list: no tick rate gives %d jiffies %v after boot", c.Jiffies, c.Uptime)
	}
	return c, nil
}

// LeaksClock returns the [BootClock] for the tick rate that the ages in one report
// imply: the difference of two leaks in jiffies is that in seconds times HZ. It
// returns an error if the leaks have no ages, were allocated too close together, or
// fit no tick rate.
func LeaksClock(leaks []Leak) (Clock, error) {
	var first, last *Leak
	for i := range leaks {
		l := &leaks[i]
		if l.Age == 0 {
			continue
		}
		if first == nil || l.Age > first.Age {
			first = l
		}
		if last == nil || l.Age < last.Age {
			last = l
		}
	}
	if first == nil || first.Age-last.Age < 2*time.Second {
		return Clock{}, errors.New("tick rate: no ages, or too close together")
	}
	ticks := float64(ticksBetween(first.Jiffies, last.Jiffies))
	rate := ticks / (first.Age - last.Age).Seconds()
	// Ages are taken while the report is printed, one after the other.
	for _, hz := range kernelHZ {
		if math.Abs(rate-float64(hz)) < float64(hz)*0.01 {
			return BootClock(hz), nil
		}
	}
	return Clock{}, fmt.Errorf("tick rate: the ages give %.1f per second", rate)
}

// ticksBetween returns the number of ticks from a to b.
func ticksBetween(a, b uint64) int64 {
	if a < minJiffies || b < minJiffies {
		return int64(int32(uint32(b) - uint32(a))) // a 32-bit counter
	}
	return int64(b - a)
}

// Since returns the time from boot until the counter had the value jiffies, such as
// [Leak.Jiffies]. A 32-bit counter starts again every 2^32 ticks, which is 49 days at
// 1000 a second; uptime is then the last possible time before the reading, or the
// first after it if there is none. ok is false if HZ is unknown, if no
// [time.Duration] is long enough, or if the value cannot be of this clock: it is
// before boot, or one of the counters has more than 32 bits and the other has started
// again.
func (c Clock) Since(jiffies uint64) (uptime time.Duration, ok bool) {
	if c.HZ <= 0 {
		return 0, false
	}
	if jiffies < minJiffies || c.Jiffies < minJiffies {
		// A 32-bit counter.
		if jiffies >= 1<<32 || c.Jiffies >= 1<<32 {
			return 0, false
		}
		back := c.duration(uint64(uint32(c.Jiffies) - uint32(jiffies)))
		if back <= c.Uptime {
			return c.Uptime - back, true
		}
		return c.after(uint64(uint32(jiffies) - uint32(c.Jiffies)))
	}
	if jiffies < c.Jiffies {
		back := c.duration(c.Jiffies - jiffies)
		if back > c.Uptime && back-c.Uptime > time.Second {
			return 0, false
		}
		return max(c.Uptime-back, 0), true
	}
	return c.after(jiffies - c.Jiffies)
}

// after returns the time from boot to ticks after the reading.
func (c Clock) after(ticks uint64) (uptime time.Duration, ok bool) {
	d := c.duration(ticks)
	if d == math.MaxInt64 || c.Uptime > math.MaxInt64-d {
		return 0, false
	}
	return c.Uptime + d, true
}

// duration returns the length of ticks, at most the longest Duration.
func (c Clock) duration(ticks uint64) time.Duration {
	hz := uint64(c.HZ)
	seconds := ticks / hz
	if seconds >= math.MaxInt64/uint64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(seconds)*time.Second + time.Duration(ticks%hz)*time.Second/time.Duration(hz)
}

// Time returns the wall clock at the moment when the counter had the value jiffies.
// ok is false if Since does not know it, or if Wall is unknown.
func (c Clock) Time(jiffies uint64) (t time.Time, ok bool) {
	uptime, ok := c.Since(jiffies)
	if !ok || c.Wall.IsZero() {
		return time.Time{}, false
	}
	return c.Wall.Add(uptime - c.Uptime), true
}
