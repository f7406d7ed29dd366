// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLeakJSON(t *testing.T) {
	tests := []struct {
		name string
		leak Leak
		want string
	}{
		{"zero", Leak{}, `{"addr":"0x0","size":0,"comm":"","pid":0,"jiffies":0}`},
		{
			"all",
			Leak{
				Addr: 0xffff888101a2b3c0, Size: 1<<64 - 1, PerCPU: true, CPU: 3, Comm: "a\xff\"\n", PID: -1, Jiffies: 4294931867,
				Age: 1500 * time.Millisecond, Data: []byte("\x00az"), Checksum: ptr(Checksum(0)),
				Backtrace: []Frame{
					{Addr: 0xffffffffc0a015e4, Func: "f", Offset: 1, Size: 0x20, Module: "m", BuildID: "0a", File: "a.c", Line: 7, Inlined: true},
					{},
				},
			},
			`{"addr":"0xffff888101a2b3c0","size":18446744073709551615,"percpu":true,"cpu":3,"comm":"a\ufffd\"\n","comm_hex":"61ff220a","pid":-1,` +
				`"jiffies":4294931867,"age_ms":1500,"data":"00617a","checksum":"0x0","backtrace":[{"addr":"0xffffffffc0a015e4","func":"f",` +
				`"offset":"0x1","size":"0x20","module":"m","build_id":"0a","file":"a.c","line":7,"inlined":true},{}]}`,
		},
		{"empty dump", Leak{Data: []byte{}}, `{"addr":"0x0","size":0,"comm":"","pid":0,"jiffies":0,"data":""}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := json.Marshal(tt.leak)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(b)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var got Leak
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.leak, got); diff != "" {
				t.Errorf("back (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLeakJSONErrors(t *testing.T) {
	for _, text := range []string{
		`{"addr":1}`, `{"addr":"x"}`, `{"addr":"0x11111111111111111"}`, `{"checksum":"0x111111111"}`, `{"data":"0"}`, `{"data":"zz"}`,
		`{"comm_hex":"0"}`, `{"size":-1}`, `{"age_ms":-5}`, `{"age_ms":9223372036854776}`, `{"age_ms":9223372036854775807}`, `{"backtrace":[{"offset":"-1"}]}`, `[]`, `"x"`,
	} {
		l := Leak{Addr: 5}
		if err := json.Unmarshal([]byte(text), &l); err == nil || l.Addr != 5 {
			t.Errorf("%s gives %v, %v", text, l, err)
		}
	}
	for _, text := range []string{`null`, `[null]`} {
		l, f := Leak{Addr: 5}, Frame{Addr: 5}
		leaks, frames := []any{&l}, []any{&f}
		for _, v := range []any{&l, &f, &leaks, &frames} {
			if _, list := v.(*[]any); list == (text == "null") {
				continue
			}
			if err := json.Unmarshal([]byte(text), v); err != nil || l.Addr != 5 || f.Addr != 5 {
				t.Errorf("%s gives %v, %v, %v", text, l, f, err)
			}
		}
	}
	var l Leak
	if err := json.Unmarshal([]byte(`{"addr":"0x5","new":[1]}`), &l); err != nil || l.Addr != 5 {
		t.Errorf("with an unknown member: %v, %v", l, err)
	}
}

// equateErrorTexts compares errors by their texts, which is all that JSON keeps.
var equateErrorTexts = cmp.Comparer(func(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
})

func TestCallJSON(t *testing.T) {
	tests := []struct {
		name string
		call Call
		want string
	}{
		{"zero", Call{}, `{"frame":{},"kind":"printed","confidence":"unresolved"}`},
		{
			"all",
			Call{
				Frame: Frame{Func: "f", Offset: 1, Size: 2}, Kind: KindElided, Confidence: Ambiguous, Module: "m", ObjectFile: "m.ko",
				Pos:    []Pos{{Func: "g", File: "a.c", RawFile: "./a.c", Line: 1, Column: 2, Inlined: true}, {}},
				Others: [][]Pos{{{Func: "h"}}},
				Reason: "why", Problem: ProblemAmbiguous, Err: errors.New("why not"),
			},
			`{"frame":{"func":"f","offset":"0x1","size":"0x2"},"kind":"elided","confidence":"ambiguous","module":"m",` +
				`"pos":[{"func":"g","file":"a.c","raw_file":"./a.c","line":1,"column":2,"inlined":true},{}],` +
				`"others":[[{"func":"h"}]],"object":"m.ko","reason":"why","problem":"ambiguous","error":"why not"}`,
		},
	}
	for k := range KindElided + 1 {
		for c := range Proved + 1 {
			name := k.String() + " " + c.String()
			tests = append(tests, struct {
				name string
				call Call
				want string
			}{name, Call{Kind: k, Confidence: c}, `{"frame":{},"kind":"` + k.String() + `","confidence":"` + c.String() + `"}`})
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := json.Marshal(tt.call)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(b)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var got Call
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.call, got, equateErrorTexts); diff != "" {
				t.Errorf("back (-want +got):\n%s", diff)
			}
		})
	}
}

// What a Symbolizer gives for a real report comes back from its JSON.
func TestCallJSONHello(t *testing.T) {
	for _, build := range helloBuilds {
		leaks, modules := helloReport(t, build)
		s := &Symbolizer{Release: "0", Dirs: []string{helloModules + "/" + build}, Modules: modules}
		defer s.Close()
		for _, l := range leaks {
			want := s.Backtrace(l.Backtrace)
			b, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			var got []Call
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, equateErrorTexts); diff != "" {
				t.Errorf("%s (-want +got):\n%s", build, diff)
			}
		}
	}
}

func TestCallJSONErrors(t *testing.T) {
	for _, text := range []string{
		`{"kind":"new"}`, `{"kind":0}`, `{"confidence":"sure"}`, `{"frame":{"addr":1}}`, `{"pos":{}}`, `{"pos":[{"line":"1"}]}`, `[]`,
	} {
		c := Call{Module: "m"}
		if err := json.Unmarshal([]byte(text), &c); err == nil || c.Module != "m" {
			t.Errorf("%s gives %v, %v", text, c, err)
		}
	}
	c, p := Call{Module: "m"}, Pos{Func: "f"}
	for _, v := range []json.Unmarshaler{&c, &p} {
		if err := v.UnmarshalJSON([]byte("null")); err != nil || c.Module != "m" || p.Func != "f" {
			t.Errorf("null gives %v, %v, %v", c, p, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"module":"n","new":[1]}`), &c); err != nil || c.Module != "n" {
		t.Errorf("with an unknown member: %v, %v", c, err)
	}
}
