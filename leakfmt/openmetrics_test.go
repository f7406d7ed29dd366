// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

// sample is a line of OpenMetrics as we write it.
var sample = regexp.MustCompile(`^kmemleak_[a-z_]+(\{fingerprint="([0-9a-f]{16})?",module="([^"\\\n]|\\["\\])*",owner="([^"\\\n]|\\["\\])*"\})? (0|[1-9][0-9]*|-?[0-9]+\.[0-9]{3})$`)

// samples returns the lines that are not comments. No two may be of one series.
func samples(t testing.TB, text string) (lines []string) {
	t.Helper()
	if !strings.HasSuffix(text, "\n# EOF\n") {
		t.Errorf("no end: %s", text)
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			continue
		}
		name := line[:strings.LastIndexByte(line, ' ')]
		if !sample.MatchString(line) || seen[name] {
			t.Errorf("not a sample, or not the only one: %s", line)
		}
		seen[name] = true
		lines = append(lines, line)
	}
	return lines
}

func openMetrics(t testing.TB, leaks []kmemleak.Leak, o *Options) string {
	t.Helper()
	var b strings.Builder
	if err := OpenMetrics(&b, leaks, o); err != nil {
		t.Fatal(err)
	}
	checkClean(t, b.String())
	return b.String()
}

// manyOwners returns leaks of n functions.
func manyOwners(n int) (leaks []kmemleak.Leak) {
	for i := range n {
		leaks = append(leaks, kmemleak.Leak{Size: uint64(1000 - i), Backtrace: []kmemleak.Frame{{Func: fmt.Sprint("f", i), Size: 1}}})
	}
	return leaks
}

// aged returns a leak once for each age.
func aged(l kmemleak.Leak, ages ...time.Duration) (leaks []kmemleak.Leak) {
	for _, l.Age = range ages {
		leaks = append(leaks, l)
	}
	return leaks
}

func TestOpenMetrics(t *testing.T) {
	leaks := report(t, "6.12-x86_64")
	mine, lost, greet := `{fingerprint="2a2b3f2db5b8094b",module="hello_kernel",owner="myfunc"}`,
		`{fingerprint="204e79c54e2fb69d",module="hello_kernel",owner="myfunc"}`,
		`{fingerprint="22052d4a37622390",module="hello_kernel",owner="greet"}`
	unknown, none := `{fingerprint="204e79c54e2fb69d",module="",owner=""}`, `{fingerprint="",module="",owner=""}`
	first := manyOwners(1)[0].Fingerprint()
	at := time.UnixMilli(1795435200020)
	for _, tt := range []struct {
		name  string
		leaks []kmemleak.Leak
		opts  *Options
		want  []string
	}{
		{"no leaks", nil, nil, []string{"kmemleak_success 1", "kmemleak_leaked_objects" + none + " 0", "kmemleak_leaked_bytes" + none + " 0"}},
		{"could not look", nil, &Options{Err: kmemleak.ErrDisabled, Time: at}, []string{
			"kmemleak_success 0", "kmemleak_last_scan_timestamp_seconds 1795435200.020",
		}},
		{"before 1970, by a clock that is wrong", nil, &Options{Err: kmemleak.ErrDisabled, Time: time.UnixMilli(-500)}, []string{
			"kmemleak_success 0", "kmemleak_last_scan_timestamp_seconds -0.500",
		}},
		{"leaks", leaks, &Options{Symbolizer: symbolizer(t, "6.12-x86_64")}, []string{
			"kmemleak_success 1",
			"kmemleak_leaked_objects" + mine + " 2", "kmemleak_leaked_objects" + lost + " 1",
			"kmemleak_leaked_objects" + greet + " 5", "kmemleak_leaked_objects" + none + " 0",
			"kmemleak_leaked_bytes" + mine + " 8192", "kmemleak_leaked_bytes" + lost + " 4096",
			"kmemleak_leaked_bytes" + greet + " 320", "kmemleak_leaked_bytes" + none + " 0",
		}},
		{"without names, and one could not look long enough", leaks, &Options{Err: kmemleak.ErrTruncated}, []string{
			"kmemleak_success 0",
			"kmemleak_leaked_objects" + mine + " 2", "kmemleak_leaked_objects" + unknown + " 1",
			"kmemleak_leaked_objects" + greet + " 5", "kmemleak_leaked_objects" + none + " 0",
			"kmemleak_leaked_bytes" + mine + " 8192", "kmemleak_leaked_bytes" + unknown + " 4096",
			"kmemleak_leaked_bytes" + greet + " 320", "kmemleak_leaked_bytes" + none + " 0",
		}},
		{"more than there are series for", manyOwners(4), &Options{MaxGroups: 1}, []string{
			"kmemleak_success 1",
			`kmemleak_leaked_objects{fingerprint="` + first + `",module="",owner="f0"} 1`, "kmemleak_leaked_objects" + none + " 3",
			`kmemleak_leaked_bytes{fingerprint="` + first + `",module="",owner="f0"} 1000`, "kmemleak_leaked_bytes" + none + " 2994",
		}},
		{"the age of the oldest, printed", aged(manyOwners(1)[0], 3*time.Second, 5*time.Second, 0), &Options{Time: at}, []string{
			"kmemleak_success 1", "kmemleak_last_scan_timestamp_seconds 1795435200.020",
			`kmemleak_leaked_objects{fingerprint="` + first + `",module="",owner="f0"} 3`, "kmemleak_leaked_objects" + none + " 0",
			`kmemleak_leaked_bytes{fingerprint="` + first + `",module="",owner="f0"} 3000`, "kmemleak_leaked_bytes" + none + " 0",
			`kmemleak_oldest_leak_timestamp_seconds{fingerprint="` + first + `",module="",owner="f0"} 1795435195.020`,
		}},
		{"by a clock", leaks[:1], &Options{Clock: kmemleak.Clock{HZ: 1000, Jiffies: leaks[0].Jiffies + 2500, Uptime: time.Hour, Wall: at}}, []string{
			"kmemleak_success 1",
			"kmemleak_leaked_objects" + mine + " 1", "kmemleak_leaked_objects" + none + " 0",
			"kmemleak_leaked_bytes" + mine + " 4096", "kmemleak_leaked_bytes" + none + " 0",
			"kmemleak_oldest_leak_timestamp_seconds" + mine + " 1795435197.520",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, samples(t, openMetrics(t, tt.leaks, tt.opts))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if n := len(samples(t, openMetrics(t, manyOwners(500), nil))); n != 1+2*(maxSeries+1) {
		t.Errorf("%d samples of 500 owners", n)
	}
}

// parseOpenMetrics is a program that reads OpenMetrics in the strict way of the
// Python client.
const parseOpenMetrics = `
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(sum(len(f.samples) for f in text_string_to_metric_families(sys.stdin.read())))
`

// The output is valid for its readers: promtool reads Prometheus's own format, as
// does node_exporter.
func TestOpenMetricsTools(t *testing.T) {
	huge := kmemleak.Leak{Size: 1<<64 - 1}
	for name, text := range map[string]string{
		"none":     openMetrics(t, nil, nil),
		"error":    openMetrics(t, nil, &Options{Err: kmemleak.ErrDisabled, Time: time.Now()}),
		"leaks":    openMetrics(t, report(t, "6.12-x86_64"), &Options{Symbolizer: symbolizer(t, "6.12-x86_64"), Time: time.Now()}),
		"times":    openMetrics(t, aged(manyOwners(1)[0], time.Second), &Options{Time: time.Now()}),
		"hostile":  openMetrics(t, []kmemleak.Leak{hostile(), huge, huge}, nil),
		"many":     openMetrics(t, manyOwners(500), nil),
		"no label": openMetrics(t, []kmemleak.Leak{{Backtrace: []kmemleak.Frame{{Func: `a"b\c`, Module: `m`}}}}, nil),
	} {
		if complaint := tool(t, "prometheus", []byte(text), "promtool", "check", "metrics"); complaint != "" {
			t.Errorf("%s: %s\n%s", name, complaint, text)
		}
		if complaint := tool(t, "python3-prometheus-client", []byte(text), python, "-c", parseOpenMetrics); complaint != "" {
			t.Errorf("%s: %s\n%s", name, complaint, text)
		}
	}
	if tool(t, "prometheus", bytes.Repeat([]byte("kmemleak_success 1\n"), 2), "promtool", "check", "metrics") == "" ||
		tool(t, "python3-prometheus-client", []byte("kmemleak_success 1\n"), python, "-c", parseOpenMetrics) == "" {
		t.Error("the tools take what is not right")
	}
}
