// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak"
)

// maxSeries is the number of places with series of their own if MaxGroups is 0.
const maxSeries = 100

// OpenMetrics writes how much is leaked as metrics:
//
//	kmemleak_success                      1 if the search took place, 0 if not, see [Options.Err]
//	kmemleak_last_scan_timestamp_seconds  when it took place, see [Options.Time]; missing if not known
//	kmemleak_leaked_objects               number of leaks, by place
//	kmemleak_leaked_bytes                 their size, by place
//	kmemleak_oldest_leak_timestamp_seconds  when the oldest of them was allocated, if that is known
//
// A place is a fingerprint, see [kmemleak.Leak.Fingerprint]: it is the same on all
// machines and in all builds. The labels module and owner are for people. The owner is a
// function as in the source, see [kmemleak.Owner]; it is empty if it is not known, and
// another one where a Symbolizer knows more. For functions of the kernel image the
// module is empty. The places with the most bytes have series of their own, as many as
// Options.MaxGroups says. The series with an empty fingerprint is for the leaks of all
// others. It is always there, even if it is 0, except with an error and no leaks: then
// nothing was counted, and only the first two metrics are written.
//
// The text is valid in both formats that Prometheus reads: OpenMetrics 1.0 and its
// own text format, version 0.0.4. A file for the textfile collector of node_exporter
// must be replaced as a whole, see the example.
func OpenMetrics(w io.Writer, leaks []kmemleak.Leak, o *Options) error {
	options := o.get()
	out := bufio.NewWriter(w)
	success := 1
	if options.Err != nil {
		success = 0
	}
	metric(out, "kmemleak_success", "", "Whether somebody could look for memory leaks in the kernel.")
	fmt.Fprintf(out, "kmemleak_success %d\n", success)
	if t := options.Time; !t.IsZero() {
		metric(out, "kmemleak_last_scan_timestamp_seconds", "seconds", "When memory leaks in the kernel were looked for.")
		fmt.Fprintf(out, "kmemleak_last_scan_timestamp_seconds %s\n", seconds(t))
	}
	if options.Err == nil || len(leaks) > 0 {
		all := options.series(leaks)
		metric(out, "kmemleak_leaked_objects", "", "Objects of the kernel's memory that are leaked, by the place that allocated them.")
		for _, s := range all {
			fmt.Fprintf(out, "kmemleak_leaked_objects%s %d\n", s.labels(), s.objects)
		}
		metric(out, "kmemleak_leaked_bytes", "bytes", "Bytes of the kernel's memory that are leaked, by the place that allocated them.")
		for _, s := range all {
			fmt.Fprintf(out, "kmemleak_leaked_bytes%s %d\n", s.labels(), s.bytes)
		}
		if slices.ContainsFunc(all, func(s series) bool { return !s.oldest.IsZero() }) {
			metric(out, "kmemleak_oldest_leak_timestamp_seconds", "seconds", "When the oldest object was allocated that a place has leaked.")
		}
		for _, s := range all {
			if !s.oldest.IsZero() {
				fmt.Fprintf(out, "kmemleak_oldest_leak_timestamp_seconds%s %s\n", s.labels(), seconds(s.oldest))
			}
		}
	}
	fmt.Fprint(out, "# EOF\n")
	return out.Flush()
}

// metric writes the head of a metric. In Prometheus's own format the unit is a comment.
func metric(out io.Writer, name, unit, help string) {
	fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
	if unit != "" {
		fmt.Fprintf(out, "# UNIT %s %s\n", name, unit)
	}
}

// seconds returns a time as the formats have it.
func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', 3, 64)
}

// series is how much a place has leaked. The owner is of the first leak that has one.
type series struct {
	fingerprint string
	owner
	objects int
	bytes   uint64
	oldest  time.Time // zero if not known
}

// labels returns the labels of a series. Both formats escape the same characters.
func (s *series) labels() string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	return fmt.Sprintf(`{fingerprint="%s",module="%s",owner="%s"}`, s.fingerprint, escape.Replace(s.module), escape.Replace(s.name))
}

// add counts what another series has.
func (s *series) add(more series) {
	if s.owner == (owner{}) {
		s.owner = more.owner
	}
	s.objects, s.bytes = s.objects+more.objects, sum(s.bytes, more.bytes)
	if s.oldest.IsZero() || !more.oldest.IsZero() && more.oldest.Before(s.oldest) {
		s.oldest = more.oldest
	}
}

// series returns the leaks of each place, those with the most bytes first, and all
// others under an empty fingerprint at the end.
func (o *Options) series(leaks []kmemleak.Leak) []series {
	owners := newMemo(func(l kmemleak.Leak) owner {
		own := ownerOf(o.Symbolizer.Calls(l))
		return owner{text(own.module), text(own.name)}
	})
	byPlace := make(map[string]*series)
	for _, l := range leaks {
		one := series{l.Fingerprint(), owners.get(l), l.Objects(), l.Bytes(), o.allocatedAt(l)}
		if s := byPlace[one.fingerprint]; s != nil {
			s.add(one)
		} else {
			byPlace[one.fingerprint] = &one
		}
	}
	all := make([]series, 0, len(byPlace)+1)
	for _, s := range byPlace {
		all = append(all, *s)
	}
	sort.Slice(all, func(i, j int) bool { // slices.SortFunc would be 15 kB for this type
		a, b := &all[i], &all[j]
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(b.objects, a.objects), cmp.Compare(a.fingerprint, b.fingerprint)) < 0
	})
	var rest series
	shown := bound(len(all), cmp.Or(o.MaxGroups, maxSeries))
	for _, s := range all[shown:] {
		rest.add(s)
	}
	rest.owner = owner{}
	return append(all[:shown], rest)
}

// allocatedAt returns when an object was allocated, the zero time if that is not known.
func (o *Options) allocatedAt(l kmemleak.Leak) time.Time {
	if t, ok := o.Clock.Time(l.Jiffies); ok {
		return t
	}
	if l.Age > 0 && !o.Time.IsZero() {
		return o.Time.Add(-l.Age)
	}
	return time.Time{}
}
