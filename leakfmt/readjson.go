// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/kmemleak/kmemleak"
)

// errJSON is the error for lines that JSONLines does not write.
var errJSON = errors.New("not one JSON object in each line (jq -c makes that)")

// ReadJSONLines reads what [JSONLines] writes. The iterator can be used once.
//
// A leak whose line has the member error comes with that error. A line with only an
// error, which means that the search could not take place, is an error without a
// leak. A line that cannot be read is an error that matches [kmemleak.ErrFormat].
// Each error names the number of the line, and the iteration goes on. An error of r,
// or a line of more than 16 MiB, ends it. Blank lines are skipped, and no lines at
// all mean that there are no leaks.
func ReadJSONLines(r io.Reader) iter.Seq2[kmemleak.Leak, error] {
	return func(yield func(kmemleak.Leak, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxJSONLine)
		n := 1
		for ; lines.Scan(); n++ {
			line := bytes.TrimSpace(lines.Bytes())
			if len(line) == 0 {
				continue
			}
			leak, err := jsonLeak(line)
			if err != nil {
				err = fmt.Errorf("line %d: %w", n, err)
			}
			if !yield(leak, err) {
				return
			}
		}
		err := lines.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("%w: more than %d bytes", kmemleak.ErrFormat, maxJSONLine)
		}
		if err != nil {
			yield(kmemleak.Leak{}, fmt.Errorf("line %d: %w", n, err))
		}
	}
}

// maxJSONLine bounds the memory for a line. A leak with everything known about it
// takes about 20 KB.
const maxJSONLine = 16 << 20

// jsonLine has the members that distinguish lines.
type jsonLine struct {
	Addr  string `json:"addr"`
	Error string `json:"error"`
}

func jsonLeak(line []byte) (leak kmemleak.Leak, err error) {
	var members jsonLine
	if err := json.Unmarshal(line, &members); err != nil {
		if line[0] != '{' || len(line) == 1 {
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
