// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"

	"github.com/kmemleak/kmemleak"
)

// isJSON reports whether an input is the output of leakfmt.JSONLines, whose lines begin
// with one of two members, or that output after another program has changed it. Logs
// may be JSON as well.
func isJSON(r *bufio.Reader) bool {
	start, _ := r.Peek(128)
	return leakJSON.Match(start)
}

var leakJSON = regexp.MustCompile(`^\s*(\[\s*)?\{\s*"(addr|error)"`)

// errJSON: the lines are not those that leakfmt.JSONLines writes.
var errJSON = errors.New("not one JSON object in each line (jq -c makes that)")

// jsonLeaks reads the output of leakfmt.JSONLines, in the way of [kmemleak.Extract]. A
// line that says that the search could not take place is an error, and so is a line
// that cannot be read; the iteration continues.
func jsonLeaks(r io.Reader) iter.Seq2[kmemleak.Leak, error] {
	return func(yield func(kmemleak.Leak, error) bool) {
		lines := bufio.NewReader(r)
		for n := 1; ; n++ {
			line, err := lines.ReadBytes('\n')
			if line = bytes.TrimSpace(line); len(line) > 0 {
				leak, err := jsonLeak(line)
				if err != nil {
					err = fmt.Errorf("line %d: %w", n, err)
				}
				if !yield(leak, err) {
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(kmemleak.Leak{}, err)
				return
			}
		}
	}
}

// jsonLine has the members that identify a line.
type jsonLine struct {
	Addr  string `json:"addr"`
	Error string `json:"error"`
}

func jsonLeak(line []byte) (leak kmemleak.Leak, err error) {
	var members jsonLine
	if err := json.Unmarshal(line, &members); err != nil {
		if len(line) == 1 { // a bracket
			err = errJSON
		}
		return leak, fmt.Errorf("%w: %w", kmemleak.ErrFormat, err)
	}
	if members.Addr != "" {
		if err := json.Unmarshal(line, &leak); err != nil {
			return leak, fmt.Errorf("%w: %w", kmemleak.ErrFormat, err)
		}
	} else if members.Error == "" {
		return leak, fmt.Errorf("%w: the members addr and error are missing", kmemleak.ErrFormat)
	}
	if members.Error != "" {
		err = fmt.Errorf("it says %q", members.Error)
	}
	return leak, err
}
