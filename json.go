// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// jsonLeak is the shape of a Leak in JSON. It is part of the API: members are added,
// never renamed.
type jsonLeak struct {
	Addr      jsonHex   `json:"addr"`
	Size      uint64    `json:"size"`
	PerCPU    bool      `json:"percpu,omitempty"`
	CPU       int       `json:"cpu,omitempty"`
	Comm      string    `json:"comm"`
	CommHex   jsonBytes `json:"comm_hex,omitempty"` // only if comm is not UTF-8
	PID       int       `json:"pid"`
	Jiffies   uint64    `json:"jiffies"`
	AgeMillis int64     `json:"age_ms,omitempty"`
	Data      jsonBytes `json:"data,omitzero"`
	Checksum  *Checksum `json:"checksum,omitempty"`
	Backtrace []Frame   `json:"backtrace,omitempty"`
	More      int       `json:"more,omitempty"`
	Calls     []Call    `json:"calls,omitempty"`
}

type jsonFrame struct {
	Addr    jsonHex `json:"addr,omitempty"`
	Func    string  `json:"func,omitempty"`
	Offset  jsonHex `json:"offset,omitempty"`
	Size    jsonHex `json:"size,omitempty"`
	Module  string  `json:"module,omitempty"`
	BuildID string  `json:"build_id,omitempty"`
	File    string  `json:"file,omitempty"`
	Line    int     `json:"line,omitempty"`
	Inlined bool    `json:"inlined,omitempty"`
}

// MarshalJSON returns an object with these members. Those in brackets are omitted if
// the Leak holds zero or nil:
//
//	addr       string  "0xffff888101a2b3c0"
//	size       number  bytes
//	[percpu]   bool
//	[cpu]      number
//	comm       string  bytes that are not UTF-8 are replaced by U+FFFD
//	[comm_hex] string  then all bytes of comm, as hexadecimal digits
//	pid        number
//	jiffies    number
//	[age_ms]   number  milliseconds, not negative
//	[data]     string  hexadecimal digits
//	[checksum] string  "0x1edb9bcf"
//	[backtrace] array of objects, innermost first:
//	    [addr] [offset] [size]  string  "0xe"
//	    [func] [module] [build_id] [file]  string
//	    [line]  number
//	    [inlined]  bool
//	[more]     number  further objects
//	[calls]    array of objects as [Call.MarshalJSON] describes them
//
// Addresses are strings, because JSON numbers have only 53 bits in many programs.
// [json.Unmarshal] returns the same Leak, except that Age has no parts of a
// millisecond and errors in Calls keep only their texts. It ignores unknown members.
func (l Leak) MarshalJSON() ([]byte, error) {
	j := jsonLeak{
		Addr: jsonHex(l.Addr), Size: l.Size, PerCPU: l.PerCPU, CPU: l.CPU,
		Comm: l.Comm, PID: l.PID, Jiffies: l.Jiffies, AgeMillis: max(0, l.Age.Milliseconds()),
		Data: l.Data, Checksum: l.Checksum, Backtrace: l.Backtrace, More: l.More, Calls: l.Calls,
	}
	if !utf8.ValidString(l.Comm) {
		j.CommHex = jsonBytes(l.Comm)
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what [Leak.MarshalJSON] returns. The value null changes nothing.
func (l *Leak) UnmarshalJSON(b []byte) error {
	var j *jsonLeak // nil for null
	if err := json.Unmarshal(b, &j); err != nil || j == nil {
		return err
	}
	if j.AgeMillis < 0 || j.AgeMillis > math.MaxInt64/int64(time.Millisecond) {
		return fmt.Errorf("age_ms in JSON: %d is out of range", j.AgeMillis)
	}
	if j.More < 0 || j.More > maxMore {
		return fmt.Errorf("more in JSON: %d is out of range", j.More)
	}
	*l = Leak{
		Addr: uint64(j.Addr), Size: j.Size, PerCPU: j.PerCPU, CPU: j.CPU,
		Comm: j.Comm, PID: j.PID, Jiffies: j.Jiffies, Age: time.Duration(j.AgeMillis) * time.Millisecond,
		Data: j.Data, Checksum: j.Checksum, Backtrace: j.Backtrace, More: j.More, Calls: j.Calls,
	}
	if len(j.CommHex) > 0 {
		l.Comm = string(j.CommHex)
	}
	return nil
}

// MarshalJSON returns the object that [Leak.MarshalJSON] describes.
func (f Frame) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonFrame{
		Addr: jsonHex(f.Addr), Func: f.Func, Offset: jsonHex(f.Offset), Size: jsonHex(f.Size), Module: f.Module,
		BuildID: f.BuildID, File: f.File, Line: f.Line, Inlined: f.Inlined,
	})
}

// UnmarshalJSON reads what [Frame.MarshalJSON] returns. The value null changes nothing.
func (f *Frame) UnmarshalJSON(b []byte) error {
	var j *jsonFrame // nil for null
	if err := json.Unmarshal(b, &j); err != nil || j == nil {
		return err
	}
	*f = Frame{
		Addr: uint64(j.Addr), Func: j.Func, Offset: uint64(j.Offset), Size: uint64(j.Size), Module: j.Module,
		BuildID: j.BuildID, File: j.File, Line: j.Line, Inlined: j.Inlined,
	}
	return nil
}

// jsonHex is a number as a string with the prefix 0x.
type jsonHex uint64

func (h jsonHex) MarshalText() ([]byte, error) {
	return strconv.AppendUint([]byte("0x"), uint64(h), 16), nil
}

func (h *jsonHex) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 0, 64)
	if err != nil {
		return fmt.Errorf("number in JSON: %w", err)
	}
	*h = jsonHex(v)
	return nil
}

// jsonBytes is a byte slice as hexadecimal digits. Nil is left out, an empty slice
// is not.
type jsonBytes []byte

func (d jsonBytes) IsZero() bool { return d == nil }

func (d jsonBytes) MarshalText() ([]byte, error) {
	return hex.AppendEncode(make([]byte, 0, 2*len(d)), d), nil
}

func (d *jsonBytes) UnmarshalText(b []byte) error {
	v, err := hex.AppendDecode([]byte{}, b)
	if err != nil {
		return fmt.Errorf("bytes in JSON: %w", err)
	}
	*d = v
	return nil
}

// jsonCall and jsonPos are the shapes of a Call and a Pos in JSON. They are part of
// the API: members are added, never renamed.
type jsonCall struct {
	Frame      Frame      `json:"frame"`
	Kind       Kind       `json:"kind"`
	Confidence Confidence `json:"confidence"`
	Module     string     `json:"module,omitempty"`
	Pos        []Pos      `json:"pos,omitempty"`
	Others     [][]Pos    `json:"others,omitempty"`
	ObjectFile string     `json:"object,omitempty"`
	BuildID    string     `json:"build_id,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Problem    Problem    `json:"problem,omitempty"`
	Err        string     `json:"error,omitempty"`
}

type jsonPos struct {
	Func    string `json:"func,omitempty"`
	File    string `json:"file,omitempty"`
	RawFile string `json:"raw_file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Inlined bool   `json:"inlined,omitempty"`
	Returns string `json:"returns,omitempty"`
}

// MarshalJSON returns an object with these members. Those in brackets are omitted if
// the Call holds zero or nil:
//
//	frame      object  as in [Leak.MarshalJSON]
//	kind       string  "printed", "recovered" or "elided"
//	confidence string  "unresolved", "contradicted", "ambiguous", "assumed", "consistent" or "proved"
//	[module] [object] [build_id] [reason]  string
//	[pos]      array of objects, innermost first:
//	    [func] [file] [raw_file]  string
//	    [line] [column]  number
//	    [inlined]  bool
//	    [returns]  string  "pointer" or "value"
//	[others]   array of arrays as pos
//	[problem]  string  as [Problem.String], beside error
//	[error]    string  the text of Err
//
// If confidence is below "assumed", pos must not be taken as a fact, see
// [Confidence]. [json.Unmarshal] returns the same Call, except that Err keeps only
// its text. It ignores unknown members.
func (c Call) MarshalJSON() ([]byte, error) {
	j := jsonCall{c.Frame, c.Kind, c.Confidence, c.Module, c.Pos, c.Others, c.ObjectFile, c.BuildID, c.Reason, c.Problem, ""}
	if c.Err != nil {
		j.Err = c.Err.Error()
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what [Call.MarshalJSON] returns. The value null changes nothing.
func (c *Call) UnmarshalJSON(b []byte) error {
	var j *jsonCall // nil for null
	if err := json.Unmarshal(b, &j); err != nil || j == nil {
		return err
	}
	*c = Call{
		Frame: j.Frame, Kind: j.Kind, Confidence: j.Confidence, Module: j.Module,
		Pos: j.Pos, Others: j.Others, ObjectFile: j.ObjectFile, BuildID: j.BuildID, Reason: j.Reason, Problem: j.Problem,
	}
	if j.Err != "" {
		c.Err = errors.New(j.Err)
		c.Problem = cmp.Or(c.Problem, ProblemOther) // written before there were Problems
	}
	return nil
}

// MarshalJSON returns the object that [Call.MarshalJSON] describes.
func (p Pos) MarshalJSON() ([]byte, error) { return json.Marshal(jsonPos(p)) }

// UnmarshalJSON reads what [Pos.MarshalJSON] returns. The value null changes nothing.
func (p *Pos) UnmarshalJSON(b []byte) error {
	var j *jsonPos // nil for null
	if err := json.Unmarshal(b, &j); err != nil || j == nil {
		return err
	}
	*p = Pos(*j)
	return nil
}
