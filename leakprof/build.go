// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakprof

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/stackkey"
)

// A builder makes a profile of the leaks that are added.
type builder struct {
	Options
	profile   *profile.Profile
	shared    map[stackkey.Key[kmemleak.Frame, kmemleak.Call]]stack
	stacks    map[string]stack
	samples   map[sampleKey]*profile.Sample
	locations map[string]*profile.Location
	functions map[functionKey]*profile.Function
	mappings  map[mappingKey]*profile.Mapping
	loaded    map[string]string // build IDs by module, of [kmemleak.Symbolizer.Modules]
	above     map[string]bool   // functions above the owner of some leak
	others    map[string]bool   // functions that are it, or called it
	key       []byte
}

// stack is the profile's form of a backtrace.
type stack struct {
	id        int
	locations []*profile.Location
	module    string // label
}

type sampleKey struct {
	stack     int
	comm, age string
	pid       int
}

type functionKey struct{ name, system, file string }

type mappingKey struct{ module, buildID string }

func newBuilder(o *Options) *builder {
	b := &builder{
		profile: &profile.Profile{
			SampleType: []*profile.ValueType{
				{Type: "leaked_objects", Unit: "count"},
				{Type: "leaked_space", Unit: "bytes"},
			},
			DefaultSampleType: "leaked_space",
			PeriodType:        &profile.ValueType{Type: "leaked_space", Unit: "bytes"},
			Period:            1,
		},
		shared:    make(map[stackkey.Key[kmemleak.Frame, kmemleak.Call]]stack),
		stacks:    make(map[string]stack),
		samples:   make(map[sampleKey]*profile.Sample),
		locations: make(map[string]*profile.Location),
		functions: make(map[functionKey]*profile.Function),
		mappings:  make(map[mappingKey]*profile.Mapping),
		loaded:    make(map[string]string),
		above:     make(map[string]bool),
		others:    make(map[string]bool),
	}
	if o != nil {
		b.Options = *o
	}
	if !b.Time.IsZero() {
		b.profile.TimeNanos = b.Time.UnixNano()
	}
	if b.Err != nil {
		b.profile.Comments = append(b.profile.Comments, "leaks may be missing: "+clean(b.Err.Error()))
	}
	if b.Symbolizer != nil {
		for _, m := range b.Symbolizer.Modules {
			b.loaded[m.Name] = m.BuildID
		}
	}
	return b
}

func (b *builder) add(l kmemleak.Leak) {
	s := b.stack(l)
	k := sampleKey{stack: s.id, comm: clean(l.Comm), age: b.age(l), pid: l.PID}
	sample := b.samples[k]
	if sample == nil {
		sample = &profile.Sample{
			Location: s.locations,
			Value:    []int64{0, 0},
			Label:    map[string][]string{"comm": {k.comm}, "age": {k.age}, "module": {s.module}},
			NumLabel: map[string][]int64{"pid": {int64(k.pid)}},
			NumUnit:  map[string][]string{"pid": {"pid"}}, // a 0 without a unit is not written
		}
		b.samples[k] = sample
		b.profile.Sample = append(b.profile.Sample, sample)
	}
	sample.Value[0] = sum(sample.Value[0], uint64(l.Objects()))
	sample.Value[1] = sum(sample.Value[1], l.Bytes())
}

// stack returns the profile's form of a backtrace. Most leaks of a report share a few.
func (b *builder) stack(l kmemleak.Leak) stack {
	at := stackkey.Of(l.Backtrace, l.Calls)
	s, ok := b.shared[at]
	if ok {
		return s
	}
	if l.Calls != nil { // what was found out about it holds for no other leak
		s = b.newStack(l)
	} else {
		key := fmt.Sprintf("%#v", l.Backtrace)
		if s, ok = b.stacks[key]; !ok {
			s = b.newStack(l)
			b.stacks[key] = s
		}
	}
	b.shared[at] = s
	return s
}

func (b *builder) newStack(l kmemleak.Leak) stack {
	calls := b.Symbolizer.Calls(l)
	own := kmemleak.OwnerOf(calls)
	s := stack{id: len(b.shared), module: owner(own)}
	above := own.Call != nil
	for i := range calls {
		c := &calls[i]
		if c.Kind == kmemleak.KindElided && c.Confidence < kmemleak.Assumed {
			continue // the kernel did not print it, so it may not have been there
		}
		loc := b.location(c)
		s.locations = append(s.locations, loc)
		for j, l := range loc.Line {
			if c == own.Call && (own.Pos == nil || j < len(c.Pos) && own.Pos == &c.Pos[j]) {
				above = false
			}
			if above {
				b.above[l.Function.Name] = true
			} else {
				b.others[l.Function.Name] = true
			}
		}
		above = above && c != own.Call
	}
	if len(s.locations) == 0 {
		s.locations = []*profile.Location{b.location(new(kmemleak.Call))} // pprof leaves out samples without any
	}
	return s
}

// maxDropped is the maximum number of functions that are hidden.
const maxDropped = 256

// drop makes pprof hide what is above owners: functions that allocate, as in heap profiles,
// and those that are passed. The bytes are then those of the leak's owner.
func (b *builder) drop() {
	var names []string
	for name := range b.above {
		if !b.others[name] {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	slices.Sort(names)
	b.profile.DropFrames = strings.Join(names[:min(len(names), maxDropped)], "|")
}

// location returns the location of a call, with the functions that were inlined there.
func (b *builder) location(c *kmemleak.Call) *profile.Location {
	loc := &profile.Location{Mapping: b.mapping(c)}
	if c.Frame.Addr != 0 {
		loc.Address = c.Frame.Addr - 1 // inside the call, as in all profiles: see legacy_profile.go of package profile
	}
	system := c.Frame.Func
	switch {
	case c.Confidence >= kmemleak.Assumed && len(c.Pos) > 0:
		for i, p := range c.Pos {
			f := functionKey{name: cmp.Or(p.Func, "?"), file: p.File}
			if i == len(c.Pos)-1 {
				f.system = system
			}
			loc.Line = append(loc.Line, profile.Line{Function: b.function(f), Line: int64(max(p.Line, 0)), Column: int64(max(p.Column, 0))})
		}
	case system != "":
		loc.Line = []profile.Line{{Function: b.function(functionKey{name: c.Frame.BaseName(), system: system})}}
	}
	b.key = binary.AppendUvarint(b.key[:0], loc.Address)
	if loc.Mapping != nil {
		b.key = binary.AppendUvarint(b.key, loc.Mapping.ID)
	}
	for _, l := range loc.Line {
		for _, n := range []int64{int64(l.Function.ID), l.Line, l.Column} {
			b.key = binary.AppendVarint(b.key, n)
		}
	}
	if known := b.locations[string(b.key)]; known != nil {
		return known
	}
	loc.ID = uint64(len(b.profile.Location)) + 1
	b.locations[string(b.key)] = loc
	b.profile.Location = append(b.profile.Location, loc)
	return loc
}

func (b *builder) function(k functionKey) *profile.Function {
	f := b.functions[k]
	if f == nil {
		f = &profile.Function{
			ID: uint64(len(b.profile.Function)) + 1, Name: clean(k.name),
			SystemName: clean(cmp.Or(k.system, k.name)), Filename: clean(k.file),
		}
		b.functions[k] = f
		b.profile.Function = append(b.profile.Function, f)
	}
	return f
}

// mapping returns the mapping of the module that a call is in, or nil if that is
// unknown.
func (b *builder) mapping(c *kmemleak.Call) *profile.Mapping {
	if c.Frame.Func == "" && c.Confidence < kmemleak.Assumed {
		return nil
	}
	k := mappingKey{c.Module, cmp.Or(c.Frame.BuildID, b.loaded[c.Module])}
	m := b.mappings[k]
	if m == nil {
		// Names are either known or cannot be found: pprof need not look for any.
		m = &profile.Mapping{ID: uint64(len(b.profile.Mapping)) + 1, File: clean(cmp.Or(k.module, "vmlinux")), BuildID: clean(k.buildID), HasFunctions: true}
		b.mappings[k] = m
		b.profile.Mapping = append(b.profile.Mapping, m)
	}
	if c.Confidence >= kmemleak.Assumed {
		if m.BuildID == "" {
			m.BuildID = c.BuildID
		}
		for _, p := range c.Pos {
			m.HasFilenames = m.HasFilenames || p.File != ""
			m.HasLineNumbers = m.HasLineNumbers || p.Line > 0
			m.HasInlineFrames = m.HasInlineFrames || p.Inlined
		}
	}
	return m
}
