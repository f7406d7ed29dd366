// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"encoding/json"
	"errors"
)

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
}

// MarshalJSON returns an object with these members. Those in brackets are missing
// where the Call holds zero or nil:
//
//	frame      object  as in [Leak.MarshalJSON]
//	kind       string  "printed", "recovered" or "elided"
//	confidence string  "unresolved", "contradicted", "ambiguous", "assumed", "consistent" or "proved"
//	[module] [object] [build_id] [reason]  string
//	[pos]      array of objects, innermost first:
//	    [func] [file] [raw_file]  string
//	    [line] [column]  number
//	    [inlined]  bool
//	[others]   array of arrays as pos
//	[problem]  string  as [Problem.String], beside error
//	[error]    string  the text of Err
//
// Below "assumed" what is in pos must not be taken as a fact, see [Confidence].
// [json.Unmarshal] returns the same Call, but for Err, of which only the text
// remains, and ignores unknown members.
func (c Call) MarshalJSON() ([]byte, error) {
	j := jsonCall{c.Frame, c.Kind, c.Confidence, c.Module, c.Pos, c.Others, c.ObjectFile, c.BuildID, c.Reason, c.Problem, ""}
	if c.Err != nil {
		j.Err = c.Err.Error()
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what [Call.MarshalJSON] returns. The value null changes nothing.
func (c *Call) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var j jsonCall
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*c = Call{
		Frame: j.Frame, Kind: j.Kind, Confidence: j.Confidence, Module: j.Module,
		Pos: j.Pos, Others: j.Others, ObjectFile: j.ObjectFile, BuildID: j.BuildID, Reason: j.Reason, Problem: j.Problem,
	}
	if j.Err != "" {
		c.Err = errors.New(j.Err)
		c.Problem = cmp.Or(c.Problem, ProblemOther) // written before there were any
	}
	return nil
}

// MarshalJSON returns the object that [Call.MarshalJSON] describes.
func (p Pos) MarshalJSON() ([]byte, error) { return json.Marshal(jsonPos(p)) }

// UnmarshalJSON reads what [Pos.MarshalJSON] returns. The value null changes nothing.
func (p *Pos) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var j jsonPos
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*p = Pos(j)
	return nil
}
