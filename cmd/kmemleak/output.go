// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/terminal"
	"github.com/kmemleak/kmemleak/leakfmt"
)

// output is how and where a command writes leaks.
type output struct {
	format choice
	file   string
	known  suppressions
}

// formats are the formats of the packages leakfmt and leakprof.
var formats = map[string]func(io.Writer, []kmemleak.Leak, *leakfmt.Options) error{
	"text": leakfmt.Text, "json": leakfmt.JSONLines, "junit": leakfmt.JUnit, "openmetrics": leakfmt.OpenMetrics, "ktap": leakfmt.KTAP, "pprof": writeProfile,
}

func (o *output) define(flags *flag.FlagSet) {
	o.format = choice{"text", []string{"text", "json", "junit", "ktap", "openmetrics", "pprof"}}
	flags.Var(&o.format, "format", o.format.usage())
	defineStatus(flags)
	o.known.define(flags)
	o.defineFile(flags)
}

func (o *output) defineFile(flags *flag.FlagSet) {
	flags.StringVar(&o.file, "o", "", "write to this `file` instead of standard output; it is replaced as a whole at the end")
}

// report writes leaks and the reason why there may be more, and returns both as an
// action does.
func (o *output) report(ctx context.Context, std stdio, leaks []kmemleak.Leak, err error, options leakfmt.Options) (int, error) {
	options.Err = err
	s, notLoaded := lookUp(ctx, std, options.Symbolizer, leaks)
	options.Symbolizer = s
	leaks = o.known.filter(leaks, s, err)
	return len(leaks), errors.Join(err, notLoaded, o.write(std, leaks, &options))
}

// says reports whether what is written says what could not be made sure of, to a person.
func (o *output) says() bool { return o.format.value == "text" && o.file == "" }

// check returns an error if what the flags ask for cannot be had: a format for programs
// would be shown to a person, or a file is not there.
func (o *output) check(std stdio) error {
	if o.format.value == "pprof" && o.file == "" && terminal.Is(std.out) {
		return usageError{"a profile is not for terminals (try: -o leaks.pb.gz)"}
	}
	if err := checkFile("o", o.file); err != nil { // before a search that takes its time
		return err
	}
	return o.known.load()
}

// write writes leaks. If the search could not take place and there are no leaks, that
// is left to the message on standard error, unless a program or a file needs to know it
// and the format can express it.
func (o *output) write(std stdio, leaks []kmemleak.Leak, options *leakfmt.Options) error {
	if len(leaks) == 0 && options.Err != nil && (o.format.value == "pprof" || o.says()) {
		return nil
	}
	if err := o.to(std, func(w io.Writer) error { return formats[o.format.value](w, leaks, options) }); err != nil {
		return writeError{err}
	}
	return nil
}

// writeError is the reason why leaks could not be written.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

// to calls write with the destination that the flags name.
func (o *output) to(std stdio, write func(io.Writer) error) error {
	if o.file == "" {
		return write(std.out)
	}
	return writeFile(o.file, write)
}

// A choice is a flag with one of several values.
type choice struct {
	value  string
	values []string
}

func (c *choice) String() string { return c.value }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.values, s) {
		return fmt.Errorf("it is one of %s", strings.Join(c.values, ", "))
	}
	c.value = s
	return nil
}

func (c *choice) usage() string { return "write `" + strings.Join(c.values, "|") + "`" }
