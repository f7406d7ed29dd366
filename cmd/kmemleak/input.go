// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

// input is the source of a command's leaks.
type input struct {
	empty bool
}

const inputText = `A file is a report, other text that contains reports, such as a log or a mail,
or the output of -format json. Without files, and for "-", it is standard
input. It may be packed with gzip, xz or zstd. An object that stands in it
twice is counted once.`

func (in *input) define(flags *flag.FlagSet) {
	flags.BoolVar(&in.empty, "empty", false, "an input without a report means no leaks")
}

// errNoReport is the error for an input without leaks, which does not prove that there
// are none.
var errNoReport = fmt.Errorf("%w; -empty if that means no leaks", kmemleak.ErrNoReport)

// read reads files. It returns the leaks that could be read, and an error if there may
// be more.
func (in *input) read(std stdio, files []string) (leaks []kmemleak.Leak, err error) {
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if strings.HasPrefix(name, "-") && name != "-" {
			return nil, usageError{"flags come before files: " + name}
		}
	}
	defer std.progress.clear()
	var failed []error
	for _, name := range files {
		more, errs := readFile(std, name)
		leaks = append(leaks, more...)
		failed = append(failed, in.failure(name, more, errs))
	}
	return once(leaks), errors.Join(failed...)
}

// failure returns the reason why a file may have more leaks, nil if there is none.
func (in *input) failure(name string, leaks []kmemleak.Leak, errs []error) error {
	if name == "-" {
		name = "standard input"
	}
	if len(errs) == 0 && len(leaks) == 0 && !in.empty {
		errs = []error{errNoReport}
	}
	failed := make([]error, len(errs))
	for i, err := range errs {
		if failed[i] = err; !errors.As(err, new(*os.PathError)) {
			failed[i] = fmt.Errorf("%s: %w", name, err)
		}
	}
	return errors.Join(failed...)
}

func readFile(std stdio, name string) ([]kmemleak.Leak, []error) {
	if name == "-" {
		return readLeaks(bufio.NewReader(std.in), func(n int) { std.progress.set("reading standard input, %d leaks", n) })
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, []error{err}
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, []error{&os.PathError{Op: "read", Path: name, Err: errors.New("is a folder")}}
	}
	return readLeaks(bufio.NewReader(file), func(n int) { std.progress.set("reading %s, %d leaks", filepath.Base(name), n) })
}

// maxComplaints is the maximum number of errors that are listed.
const maxComplaints = 8

// readLeaks reads everything that it can; progress is called with the number of leaks
// so far.
func readLeaks(r *bufio.Reader, progress func(leaks int)) (leaks []kmemleak.Leak, failed []error) {
	progress(0)
	r, err := plain(r)
	if err != nil {
		return nil, []error{err}
	}
	extract := kmemleak.Extract
	if isJSON(r) {
		extract = leakfmt.ReadJSONLines
	}
	more := 0
	for leak, err := range extract(r) {
		if err == nil || leak.Addr != 0 || leak.Size != 0 {
			leaks = append(leaks, leak)
			if len(leaks)%1000 == 0 {
				progress(len(leaks))
			}
		}
		switch {
		case err == nil, errors.Is(err, kmemleak.ErrNoReport): // -empty decides
		case len(failed) < maxComplaints:
			failed = append(failed, err)
		default:
			more++
		}
	}
	if more > 0 {
		failed = append(failed, fmt.Errorf("and %d lines more", more))
	}
	return leaks, failed
}

// isJSON reports whether an input is the output of leakfmt.JSONLines, or was made
// from it by another program. Its lines begin with one of two members. Logs may be
// JSON as well.
func isJSON(r *bufio.Reader) bool {
	start, _ := r.Peek(128)
	return startsJSON(start)
}

// startsJSON reports whether a text begins as the output of leakfmt.JSONLines does, in an
// array or not.
func startsJSON(start []byte) bool {
	start = bytes.TrimLeft(start, " \t\r\n")
	start = bytes.TrimLeft(bytes.TrimPrefix(start, []byte("[")), " \t\r\n")
	start, ok := bytes.CutPrefix(start, []byte("{"))
	start = bytes.TrimLeft(start, " \t\r\n")
	return ok && (bytes.HasPrefix(start, []byte(`"addr"`)) || bytes.HasPrefix(start, []byte(`"error"`)))
}
