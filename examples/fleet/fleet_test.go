// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package fleet watches many machines with Prometheus: its rules are in
// kmemleak.rules.yml, and the test runs them. See docs/fleet.md.
package fleet

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"github.com/kmemleak/kmemleak/leakfmt"
)

const testdata = "../../testdata"

// The places of hello_kernel: see TestOpenMetrics of leakfmt.
const (
	myfunc = "2a2b3f2db5b8094b"
	greet  = "22052d4a37622390"
	hidden = "204e79c54e2fb69d" // myfunc, whose frame the kernel has lost
)

// write does what kmemleak watch -textfile does after a round, with what another kernel
// has reported.
func write(t *testing.T, file, kernel string, o *leakfmt.Options) {
	t.Helper()
	var leaks []kmemleak.Leak
	if kernel != "" {
		report, err := os.Open(filepath.Join(testdata, "reports", "hello_kernel-"+kernel+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		defer report.Close()
		if leaks, err = kmemleak.Parse(report); err != nil {
			t.Fatal(err)
		}
	}
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := leakfmt.OpenMetrics(out, leaks, o); err != nil {
		t.Fatal(err)
	}
}

// listening is how both programs say where they listen; they choose a free port.
var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// serve starts a server that ends with the test, and returns its address.
func serve(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, append(args, "--web.listen-address=127.0.0.1:0")...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewReader(log)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var text strings.Builder
	for {
		line, err := read.ReadString('\n')
		text.WriteString(line)
		if m := listening.FindStringSubmatch(line); m != nil {
			go io.Copy(io.Discard, read) // it must not wait for a reader
			return m[1]
		}
		if err != nil {
			t.Fatalf("%s does not listen: %s", name, &text)
		}
	}
}

// get reads an answer of Prometheus' HTTP API.
func get(t *testing.T, url string, into any) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusServiceUnavailable {
		return // it has just been started
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

// query returns the values of a query, by fingerprint.
func query(t *testing.T, server, text string) map[string]string {
	t.Helper()
	var answer struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	get(t, "http://"+server+"/api/v1/query?query="+url.QueryEscape(text), &answer)
	if answer.Error != "" {
		t.Fatalf("%s: %s", text, answer.Error)
	}
	values := make(map[string]string)
	for _, r := range answer.Data.Result {
		values[r.Metric["fingerprint"]] = fmt.Sprint(r.Value[1])
	}
	return values
}

// alerts returns the summaries of the alerts that fire.
func alerts(t *testing.T, server string, names map[string]string) map[string]bool {
	t.Helper()
	var answer struct {
		Data struct {
			Alerts []struct {
				State       string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	get(t, "http://"+server+"/api/v1/alerts", &answer)
	fire := make(map[string]bool)
	for _, a := range answer.Data.Alerts {
		summary := a.Annotations["summary"]
		for address, name := range names {
			summary = strings.ReplaceAll(summary, address, name)
		}
		if a.State == "firing" {
			fire[a.Labels["alertname"]+": "+summary] = true
		}
	}
	return fire
}

// await asks until the answer is as wanted. Scrapes and rounds of rules are a second
// apart, and a subquery sees a sample only from the next whole second on.
func await[V comparable](t *testing.T, what string, want map[string]V, ask func() map[string]V) {
	t.Helper()
	var diff string
	for range 100 {
		if diff = cmp.Diff(want, ask()); diff == "" {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Errorf("%s (-want +got):\n%s", what, diff)
}

// TestFleet asks a real Prometheus which leak is on how many machines since when. Of the
// machines, two have kernels of other builds and architectures, one could not look, and
// one was never made to look.
func TestFleet(t *testing.T) {
	need.Tools(t, "prometheus prometheus-node-exporter", "prometheus", "promtool", "prometheus-node-exporter")
	now := time.Now().Truncate(time.Second)
	write64 := &leakfmt.Options{
		Symbolizer: &kmemleak.Symbolizer{Dirs: []string{testdata + "/modules/hello_kernel/6.12-x86_64"}},
		Time:       now, Clock: kmemleak.Clock{HZ: 1000, Jiffies: 4294908103 + 7000, Uptime: time.Hour, Wall: now},
	}
	defer write64.Symbolizer.Close()
	scanned := now.Add(-4 * time.Hour)
	write32 := &leakfmt.Options{
		Time: scanned, Clock: kmemleak.Clock{HZ: 250, Jiffies: 4294893924 + 250*3600, Uptime: time.Hour, Wall: scanned},
	}
	machines := map[string]func(file string){
		"new":    func(file string) { write(t, file, "6.12-x86_64", write64) },
		"old":    func(file string) { write(t, file, "6.1-i386", write32) },
		"broken": func(file string) { write(t, file, "", &leakfmt.Options{Time: now, Err: kmemleak.ErrDisabled}) },
		"forgot": func(string) {},
	}
	names := make(map[string]string)
	var targets []string
	for name, textfile := range machines {
		dir := t.TempDir()
		textfile(filepath.Join(dir, "kmemleak.prom"))
		address := serve(t, "prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile", "--collector.textfile.directory="+dir)
		names[address] = name
		targets = append(targets, fmt.Sprintf("%q", address))
	}
	dir := t.TempDir()
	config, err := os.ReadFile("prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("kmemleak.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	adapted := strings.NewReplacer("1m", "1s", `"127.0.0.1:9100"`, strings.Join(targets, ", ")).Replace(string(config))
	for name, text := range map[string]string{"prometheus.yml": adapted, "kmemleak.rules.yml": string(rules)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("promtool", "check", "config", filepath.Join(dir, "prometheus.yml")).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
	server := serve(t, "prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"))

	wantAlerts := map[string]bool{
		"KernelLeak: The kernel leaks in myfunc on 2 machines (fingerprint " + myfunc + ")": true,
		"KernelLeak: The kernel leaks in greet on 2 machines (fingerprint " + greet + ")":   true,
		"KernelLeak: The kernel leaks in myfunc on 1 machine (fingerprint " + hidden + ")":  true,
		"KernelLeaksNotLooked: broken could not look for memory leaks in its kernel":        true,
		"KernelLeaksNotLooked: forgot could not look for memory leaks in its kernel":        true,
		"KernelLeaksLookedLongAgo: old looked for memory leaks 4h ago":                      true,
	}
	hours := regexp.MustCompile(`4h 0m \d+s`)
	await(t, "alerts", wantAlerts, func() map[string]bool {
		fire := make(map[string]bool)
		for text := range alerts(t, server, names) {
			fire[hours.ReplaceAllString(text, "4h")] = true
		}
		return fire
	})
	since := func(ago time.Duration) string { return fmt.Sprint(now.Add(-ago).Unix()) }
	for text, want := range map[string]map[string]string{
		"fingerprint:kmemleak_machines:count":                {myfunc: "2", greet: "2", hidden: "1"},
		"sum by (fingerprint) (kmemleak_leaked_objects) > 0": {myfunc: "5", greet: "10", hidden: "1"},
		"fingerprint:kmemleak_oldest_leak_timestamp_seconds:min": {
			myfunc: since(5 * time.Hour), greet: since(5 * time.Hour), hidden: since(7 * time.Second),
		},
		// Without such times: when Prometheus saw them first, which was after this test began.
		"min by (fingerprint) (min_over_time(timestamp(kmemleak_leaked_objects{fingerprint!=\"\"} > 0)[1d:1s])) >= bool " + since(0): {
			myfunc: "1", greet: "1", hidden: "1",
		},
	} {
		await(t, text, want, func() map[string]string { return query(t, server, text) })
	}
}
