// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
				`"others":[[{"func":"h"}]],"object":"m.ko","reason":"why","problem":"several places fit","error":"why not"}`,
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
