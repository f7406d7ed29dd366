// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bufio"
	"cmp"
	_ "embed"
	"encoding/json"
	"io"
	"iter"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakwindow"
)

// Schema is the JSON Schema, draft 2020-12, of a line that [JSONLines] writes. It
// describes every member, and allows others, which later versions may add.
//
//go:embed leak.schema.json
var Schema string

// JSONLines writes each leak as a JSON object on a line of its own: the members of
// [kmemleak.Leak.MarshalJSON] and these, of which those in brackets may be missing:
//
//	fingerprint  string  see [kmemleak.Leak.Fingerprint]
//	[owner]      object  the code that the leak belongs to, see [kmemleak.Owner]:
//	    [func]        string  as in the source, see [kmemleak.Frame.BaseName]
//	    [module]      string
//	    [place]       object  the place that asked for the memory, as in pos of [kmemleak.Call.MarshalJSON]
//	    [confidence]  string  how sure the place is
//	    [live]        object  what is live of all that the place has allocated, with [Options.Allocinfo]:
//	        bytes        number
//	        allocations  number  vmalloc makes several for one object
//	[tests]      array of strings, the tests in which it may have been allocated, with [Options.Windows]
//	[candidates] array of objects, see [kmemleak.Candidate], the owner first. Members are those of owner, and:
//	    [dir]  string
//	    reason  string
//	    [tie]  bool
//	[calls]      array of objects as [kmemleak.Call.MarshalJSON] returns them, if there is a Symbolizer
//	[error]      string  why the leak may be damaged, see [JSONStream]
//
// [json.Unmarshal] reads a line as the same [kmemleak.Leak]. Options.Err makes a last
// line with only the member error. No lines at all mean that there are no leaks.
//
// There is one line for each leak, whatever MaxGroups is.
func JSONLines(w io.Writer, leaks []kmemleak.Leak, o *Options) error {
	return JSONStream(w, func(yield func(kmemleak.Leak, error) bool) {
		for _, l := range leaks {
			if !yield(l, nil) {
				return
			}
		}
	}, o)
}

// JSONStream is [JSONLines] for a stream of leaks, such as those of
// [kmemleak.Detector.Leaks] and [kmemleak.Extract]. It needs the same small memory
// for any number of leaks.
//
// The error of a leak is its member error; an error without a leak is a line with
// only that member. JSONStream returns the first of these errors after it has written
// everything.
func JSONStream(w io.Writer, leaks iter.Seq2[kmemleak.Leak, error], o *Options) error {
	options := o.get()
	options.readLive()
	out := bufio.NewWriter(w)
	tails := newMemo(options.jsonTail)
	var first error
	var b []byte
	for l, damage := range leaks {
		var err error
		if b, err = appendLeak(b[:0], l, damage, tails); err != nil {
			return err
		}
		if options.Windows != nil && !isZero(l) {
			if b, err = appendTests(b, leakwindow.Tests(l, options.Windows)); err != nil {
				return err
			}
		}
		if _, err := out.Write(b); err != nil {
			return err
		}
		if first == nil {
			first = damage
		}
	}
	if options.Err != nil {
		b, err := appendLeak(nil, kmemleak.Leak{}, options.Err, nil)
		if err != nil {
			return err
		}
		out.Write(b)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return first
}

// jsonTail is the end of a leak's line, which depends only on the backtrace.
type jsonTail struct {
	text        []byte // members, each after a comma
	fingerprint bool   // the fingerprint is among them
	err         error
}

// jsonOwner is the shape of an owner in JSON. It is part of the API: members are
// added, never renamed.
type jsonOwner struct {
	Func       string              `json:"func,omitempty"`
	Module     string              `json:"module,omitempty"`
	Place      *kmemleak.Pos       `json:"place,omitempty"`
	Confidence kmemleak.Confidence `json:"confidence,omitempty"`
	Live       *jsonLive           `json:"live,omitempty"`
}

type jsonLive struct {
	Bytes       uint64 `json:"bytes"`
	Allocations uint64 `json:"allocations"`
}

// jsonCandidate is the shape of a candidate in JSON.
type jsonCandidate struct {
	jsonOwner
	Dir    string `json:"dir,omitempty"`
	Reason string `json:"reason"`
	Tie    bool   `json:"tie,omitempty"`
}

func (o *Options) jsonTail(l kmemleak.Leak) jsonTail {
	var members struct {
		Backtrace   []kmemleak.Frame `json:"backtrace,omitempty"`
		Fingerprint string           `json:"fingerprint,omitempty"`
		Owner       *jsonOwner       `json:"owner,omitempty"`
		Candidates  []jsonCandidate  `json:"candidates,omitempty"`
		Calls       []kmemleak.Call  `json:"calls,omitempty"`
	}
	members.Backtrace = l.Backtrace
	print := l.Fingerprint()
	if l.Size++; print == l.Fingerprint() { // it is of the backtrace alone
		members.Fingerprint = print
	}
	calls := o.Symbolizer.Calls(l)
	if o.Symbolizer != nil || l.Calls != nil {
		members.Calls = calls
	}
	if owner := kmemleak.OwnerOf(calls); owner.Func() != "" {
		members.Owner = newJSONOwner(owner)
		if live, ok := o.liveFrom([]site{siteOf(calls)}); ok {
			members.Owner.Live = &jsonLive{live.Bytes, live.Calls}
		}
	}
	for _, c := range kmemleak.CandidatesOf(calls) {
		members.Candidates = append(members.Candidates, jsonCandidate{*newJSONOwner(c.Owner), c.Dir(), c.Reason, c.Tie})
	}
	b, err := json.Marshal(members)
	if err != nil || len(b) == len("{}") {
		return jsonTail{err: err}
	}
	b[0] = ','
	return jsonTail{text: escape(b[:len(b)-1]), fingerprint: members.Fingerprint != ""}
}

func newJSONOwner(owner kmemleak.Owner) *jsonOwner {
	module, _ := owner.Module()
	o := &jsonOwner{Func: owner.Func(), Module: module, Place: owner.Pos}
	if owner.Pos != nil {
		o.Confidence = owner.Call.Confidence
	}
	return o
}

// appendLeak appends a leak's line, or that of an error without a leak.
func appendLeak(b []byte, l kmemleak.Leak, damage error, tails *memo[jsonTail]) ([]byte, error) {
	if damage != nil && isZero(l) {
		return appendError(append(b, '{'), damage)
	}
	rest := l
	rest.Backtrace, rest.Calls = nil, nil // they are in the tail
	head, err := rest.MarshalJSON()
	if err != nil {
		return b, err
	}
	b = append(b, escape(head[:len(head)-1])...)
	tail := tails.get(l)
	if tail.err != nil {
		return b, tail.err
	}
	b = append(b, tail.text...)
	if !tail.fingerprint {
		b = append(append(append(b, `,"fingerprint":"`...), l.Fingerprint()...), '"')
	}
	if damage != nil {
		return appendError(append(b, ','), damage)
	}
	return append(b, "}\n"...), nil
}

// appendTests adds the names of tests to a line.
func appendTests(b []byte, tests []string) ([]byte, error) {
	if tests == nil {
		tests = []string{}
	}
	text, err := json.Marshal(tests)
	if err != nil {
		return b, err
	}
	return append(append(append(b[:len(b)-len("}\n")], `,"tests":`...), escape(text)...), "}\n"...), nil
}

// appendError appends the last member of a line.
func appendError(b []byte, damage error) ([]byte, error) {
	text, err := json.Marshal(cmp.Or(damage.Error(), noText))
	if err != nil {
		return b, err
	}
	return append(append(append(b, `"error":`...), escape(text)...), "}\n"...), nil
}

func isZero(l kmemleak.Leak) bool {
	return l.Addr == 0 && l.Size == 0 && l.Comm == "" && l.PID == 0 && l.Jiffies == 0 && l.Data == nil && len(l.Backtrace) == 0
}
