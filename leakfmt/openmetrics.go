// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak"
)

// maxSeries is the number of owners with series of their own if MaxGroups is 0.
const maxSeries = 100

// OpenMetrics writes how much is leaked as metrics:
//
//	kmemleak_success                      1 if the search took place, 0 if not, see [Options.Err]
//	kmemleak_last_scan_timestamp_seconds  when it took place, see [Options.Time]; missing if not known
//	kmemleak_leaked_objects               number of leaks, by module and owner
//	kmemleak_leaked_bytes                 their size, by module and owner
//
// The owner is a function as in the source, see [kmemleak.Owner]. For functions of
// the kernel image the module is empty. The owners with the most bytes have series of
// their own, as many as Options.MaxGroups says. The series with an empty owner is for
// the leaks of all others and of unknown owners. It is always there, even if it is 0,
// except with an error and no leaks: then nothing was counted, and only the first two
// metrics are written.
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
		fmt.Fprintf(out, "kmemleak_last_scan_timestamp_seconds %.3f\n", float64(t.UnixMilli())/1e3)
	}
	if options.Err == nil || len(leaks) > 0 {
		all := options.series(leaks)
		metric(out, "kmemleak_leaked_objects", "", "Objects of the kernel's memory that are leaked, by the code that allocated them.")
		for _, s := range all {
			fmt.Fprintf(out, "kmemleak_leaked_objects%s %d\n", s.labels(), s.objects)
		}
		metric(out, "kmemleak_leaked_bytes", "bytes", "Bytes of the kernel's memory that are leaked, by the code that allocated them.")
		for _, s := range all {
			fmt.Fprintf(out, "kmemleak_leaked_bytes%s %d\n", s.labels(), s.bytes)
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

// series is how much an owner has leaked.
type series struct {
	owner
	objects int
	bytes   uint64
}

// labels returns the labels of a series. Both formats escape the same characters.
func (s *series) labels() string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	return fmt.Sprintf(`{module="%s",owner="%s"}`, escape.Replace(s.module), escape.Replace(s.name))
}

// series returns the leaks of each owner, those with the most bytes first, and all
// others under an empty owner at the end.
func (o *Options) series(leaks []kmemleak.Leak) []series {
	owners := newMemo(func(l kmemleak.Leak) owner {
		own := ownerOf(o.Symbolizer.Calls(l))
		return owner{text(own.module), text(own.name)}
	})
	byOwner := make(map[owner]series)
	for _, l := range leaks {
		own := owners.get(l)
		s := byOwner[own]
		byOwner[own] = series{own, s.objects + l.Objects(), sum(s.bytes, l.Bytes())}
	}
	rest := byOwner[owner{}]
	delete(byOwner, owner{})
	all := slices.SortedFunc(maps.Values(byOwner), func(a, b series) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(b.objects, a.objects),
			cmp.Compare(a.module, b.module), cmp.Compare(a.name, b.name))
	})
	shown := bound(len(all), cmp.Or(o.MaxGroups, maxSeries))
	for _, s := range all[shown:] {
		rest.objects, rest.bytes = rest.objects+s.objects, sum(rest.bytes, s.bytes)
	}
	return append(all[:shown], rest)
}
