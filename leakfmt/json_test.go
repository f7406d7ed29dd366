// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

// readLines reads leaks from JSON lines, without lines that have only an error.
func readLines(t testing.TB, text []byte) (leaks []kmemleak.Leak) {
	t.Helper()
	if n := len(text); n > 0 && text[n-1] != '\n' {
		t.Errorf("the last line has no end")
	}
	for line := range bytes.Lines(text) {
		var failure struct {
			Addr  *string
			Error string
		}
		if err := json.Unmarshal(line, &failure); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if failure.Addr == nil && failure.Error != "" {
			continue
		}
		var l kmemleak.Leak
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		l.Calls = nil // what is found out is compared by those who ask for it
		leaks = append(leaks, l)
	}
	return leaks
}

func jsonLines(t testing.TB, leaks []kmemleak.Leak, o *Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := JSONLines(&b, leaks, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJSONLines(t *testing.T) {
	for _, build := range builds {
		want := report(t, build)
		s := symbolizer(t, build)
		text := jsonLines(t, want, &Options{Symbolizer: s})
		if build == "6.12-x86_64" {
			golden(t, "hello_kernel-"+build+".jsonl", jsonLines(t, want[2:4], &Options{Symbolizer: s}))
		}
		if diff := cmp.Diff(want, readLines(t, text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", build, diff)
		}
		i := 0
		for line := range bytes.Lines(text) {
			var got struct {
				Fingerprint string
				Owner       struct {
					Func, Module string
					Place        kmemleak.Pos
				}
				Calls []kmemleak.Call
			}
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatal(err)
			}
			l := want[i]
			calls := s.Backtrace(l.Backtrace)
			owner := kmemleak.OwnerOf(calls)
			if got.Fingerprint != l.Fingerprint() || got.Owner.Module != "hello_kernel" || got.Owner.Func != owner.Call.Frame.BaseName() ||
				got.Owner.Place != *owner.Pos || (got.Owner.Place.Line == 0) != (build == "7.3-x86_64" && i == 2) { // whose way takes the kernel's file
				t.Errorf("%s: leak %d has fingerprint %s and owner %+v", build, i, got.Fingerprint, got.Owner)
			}
			equalTexts := cmp.Comparer(func(a, b error) bool { return a == b || a != nil && b != nil && a.Error() == b.Error() })
			if diff := cmp.Diff(calls, got.Calls, equalTexts); diff != "" {
				t.Errorf("%s: calls of leak %d (-want +got):\n%s", build, i, diff)
			}
			i++
		}
	}
}

// Leaks that share nothing, and leaks whose fingerprint is not that of the backtrace.
func TestJSONLinesApart(t *testing.T) {
	bt := func() []kmemleak.Frame {
		return []kmemleak.Frame{{Func: "kmalloc", Size: 2}, {Func: "lose", Offset: 1, Size: 2, Module: "m"}}
	}
	leaks := []kmemleak.Leak{
		{Addr: 1, Size: 1, Backtrace: bt()}, {Addr: 2, Size: 2, Backtrace: bt()}, {Addr: 3, Backtrace: bt()[:1]},
		{Addr: 4, Size: 1, Comm: "a"}, {Addr: 5, Size: 2, Comm: "a"}, {Addr: 6, Backtrace: []kmemleak.Frame{{Addr: 1<<64 - 1}}},
		{Addr: 7, Size: 9, Backtrace: []kmemleak.Frame{{Func: "f", Inlined: true}}},
		{}, hostile(),
	}
	text := jsonLines(t, leaks, &Options{Err: errors.New("e\u009b\u202e\U000e0001\x7f")})
	checkClean(t, string(text))
	got := readLines(t, text)
	// JSON has only UTF-8.
	valid := cmp.Transformer("valid", func(f kmemleak.Frame) []string {
		return []string{strings.ToValidUTF8(f.Func, "\ufffd"), strings.ToValidUTF8(f.File, "\ufffd"), strings.ToValidUTF8(f.Module, "\ufffd")}
	})
	if diff := cmp.Diff(leaks, got, valid); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := `{"error":"e\u009b\u202e\udb40\udc01\u007f"}` + "\n"; !bytes.HasSuffix(text, []byte(want)) {
		t.Errorf("no %s at the end of %s", want, text)
	}
	i := 0
	for line := range bytes.Lines(text[:bytes.LastIndex(text, []byte(`{"error"`))]) {
		if want := `"fingerprint":"` + leaks[i].Fingerprint() + `"`; !bytes.Contains(line, []byte(want)) {
			t.Errorf("no %s in %s", want, line)
		}
		if bytes.Contains(line, []byte("calls")) {
			t.Errorf("calls without a Symbolizer: %s", line)
		}
		i++
	}
}

func TestJSONStream(t *testing.T) {
	l := kmemleak.Leak{Addr: 1, Size: 2, Comm: "c", PID: 3, Jiffies: 4}
	cut, later := errors.New("cut\n"), errors.New("later")
	var b bytes.Buffer
	err := JSONStream(&b, func(yield func(kmemleak.Leak, error) bool) {
		_ = yield(l, nil) && yield(l, cut) && yield(kmemleak.Leak{}, later) && yield(l, nil)
	}, &Options{Err: kmemleak.ErrInterfered})
	if err != cut {
		t.Errorf("error %v, want the first", err)
	}
	line := `{"addr":"0x1","size":2,"comm":"c","pid":3,"jiffies":4,"fingerprint":"` + l.Fingerprint() + `"`
	want := line + "}\n" + line + `,"error":"cut\n"}` + "\n" + `{"error":"later"}` + "\n" + line + "}\n" + `{"error":"kmemleak was interfered with"}` + "\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// validate is a program that reports each line of its input that is not valid by a
// schema.
const validate = `
import json, sys
from jsonschema import Draft202012Validator
schema = json.loads(sys.argv[1])
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
complaints = []
n = 0
for line in sys.stdin:
    n += 1
    for error in validator.iter_errors(json.loads(line)):
        complaints.append("line %d: %s: %s" % (n, error.message, [e.message for e in error.context]))
if n == 0:
    complaints.append("no lines")
if complaints:
    sys.exit("\n".join(complaints))
`

// closed returns the schema, changed to allow only the members that it describes.
func closed(t *testing.T) string {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal([]byte(Schema), &schema); err != nil {
		t.Fatal(err)
	}
	for _, def := range schema["$defs"].(map[string]any) {
		if def := def.(map[string]any); def["type"] == "object" {
			def["additionalProperties"] = false
		}
	}
	b, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSchema(t *testing.T) {
	const debian = "python3-jsonschema"
	strict := closed(t)
	var all []byte
	for _, build := range builds {
		s := symbolizer(t, build)
		all = append(all, jsonLines(t, report(t, build), &Options{Symbolizer: s})...)
		all = append(all, jsonLines(t, report(t, build), nil)...)
		s = symbolizer(t, "6.1-x86_64") // not always the right one
		s.Modules = nil
		all = append(all, jsonLines(t, report(t, build), &Options{Symbolizer: s, Err: kmemleak.ErrTruncated})...)
	}
	checksum := kmemleak.Checksum(0)
	full := kmemleak.Leak{
		Size: 1<<64 - 1, PerCPU: true, CPU: 3, Comm: "\xff", PID: -1, Jiffies: 1<<64 - 1, Age: 1500e6, Data: []byte{}, Checksum: &checksum,
		Backtrace: []kmemleak.Frame{{Addr: 1, Func: "f", Offset: 1, Size: 2, Module: "m", BuildID: "0a", File: "a.c", Line: 7, Inlined: true}, {}},
	}
	all = append(all, jsonLines(t, []kmemleak.Leak{full, hostile()}, nil)...)
	if complaint := tool(t, debian, all, python, "-c", validate, strict); complaint != "" {
		t.Errorf("not valid: %s", complaint)
	}

	good := `{"addr":"0x1","size":2,"comm":"c","pid":3,"jiffies":4,"fingerprint":"0123456789abcdef"}`
	frame := func(call string) string {
		return strings.Replace(good, "}", `,"calls":[`+call+"]}", 1)
	}
	if complaint := tool(t, debian, []byte(good+"\n"+frame(`{"frame":{},"kind":"printed","confidence":"proved","new":1}`)), python, "-c", validate, Schema); complaint != "" {
		t.Errorf("not valid: %s", complaint)
	}
	bad := []string{
		"{}", "[]", "1", `{"error":""}`, `{"error":"e","addr":"0x1"}`,
		strings.Replace(good, `"0x1"`, "1", 1),
		strings.Replace(good, `"0x1"`, `"1"`, 1),
		strings.Replace(good, `"size":2,`, "", 1),
		strings.Replace(good, `"size":2`, `"size":-2`, 1),
		strings.Replace(good, `"pid":3`, `"pid":"3"`, 1),
		strings.Replace(good, "abcdef", "ABCDEF", 1),
		strings.Replace(good, "}", `,"data":"0"}`, 1),
		strings.Replace(good, "}", `,"age_ms":1.5}`, 1),
		strings.Replace(good, "}", `,"backtrace":[{"offset":1}]}`, 1),
		strings.Replace(good, "}", `,"owner":{"module":"m"}}`, 1),
		strings.Replace(good, "}", `,"owner":{"func":"f","confidence":"proved"}}`, 1),
		strings.Replace(good, "}", `,"owner":{"func":"f","place":{},"confidence":"ambiguous"}}`, 1),
		frame(`{"kind":"printed","confidence":"proved"}`),
		frame(`{"frame":{},"kind":"new","confidence":"proved"}`),
		frame(`{"frame":{},"kind":"printed","confidence":5}`),
		frame(`{"frame":{},"kind":"printed","confidence":"proved","pos":[{"line":0}]}`),
	}
	complaint := tool(t, debian, []byte(strings.Join(bad, "\n")), python, "-c", validate, Schema)
	for i, line := range bad {
		if !strings.Contains(complaint, fmt.Sprintf("\nline %d: ", i+1)) {
			t.Errorf("%s is valid: %s", line, complaint)
		}
	}
}

func TestMemo(t *testing.T) {
	n := 0
	m := newMemo(func(l kmemleak.Leak) int { n++; return len(l.Backtrace) })
	get := func(bt []kmemleak.Frame) int { return m.get(kmemleak.Leak{Backtrace: bt}) }
	for round := range 3 {
		for i := range maxMemo {
			f := kmemleak.Frame{Addr: uint64(i)}
			if got := get([]kmemleak.Frame{f, f}); got != 2 {
				t.Fatal(got)
			}
		}
		if n != maxMemo {
			t.Errorf("round %d: %d looked up, want each once: %d", round, n, maxMemo)
		}
	}
	bt := make([]kmemleak.Frame, 3)
	if get(bt) != 3 || get(bt[:1]) != 1 || get(nil) != 0 || get(bt) != 3 {
		t.Error("backtraces that start at the same frame are taken for one")
	}
	if len(m.equal) > maxMemo || len(m.shared) > maxMemo {
		t.Errorf("%d and %d remembered", len(m.equal), len(m.shared))
	}
	frames := []kmemleak.Frame{
		{}, {Func: "a"}, {Module: "a"}, {BuildID: "a"}, {File: "a"}, {Addr: 1}, {Offset: 1}, {Size: 1}, {Line: 1}, {Inlined: true}, {Func: "\x00a"},
	}
	keys := make(map[string]bool)
	for _, f := range frames {
		keys[string(appendKey(nil, []kmemleak.Frame{f}))] = true
	}
	if diff := cmp.Diff(len(frames), len(keys)); diff != "" {
		t.Errorf("different keys (-want +got):\n%s", diff)
	}
}
