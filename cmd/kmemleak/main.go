// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Kmemleak finds memory leaks of the Linux kernel, reads reports of them and finds the
// source lines. See kmemleak help, or the man page kmemleak.1, which is made from the
// same text.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// stdio is what a command reads and writes. The command calls progress.clear before it
// writes after progress.set.
type stdio struct {
	in       io.Reader
	out, err io.Writer
	progress *progress
}

// run is the program. It returns its exit status.
func run(ctx context.Context, args []string, std stdio) int {
	if len(args) == 0 {
		writeUsage(std.err)
		return statusError
	}
	name, args := args[0], args[1:]
	exit := func(status, leaks int) int { return conventionOf(args)(status, leaks) }
	if slices.Contains([]string{"-h", "-help", "--help"}, name) {
		name = "help"
	}
	if slices.Contains([]string{"-version", "--version"}, name) {
		name = "version"
	}
	c, ok := lookup(name)
	if !ok {
		fmt.Fprintf(std.err, "kmemleak: %s (try: kmemleak help)\n", noCommand(name, commandNames()))
		return exit(statusUsage, 0)
	}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are reported below, with all others
	do := c.define(flags)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		writeHelp(std.out, c)
		return statusNone
	case err != nil:
		return exit(c.fail(std, usageError{flagProblem(err, flags)}), 0)
	}
	if f := flags.Lookup("status"); f != nil {
		exit = conventions[f.Value.String()]
	}
	if err := emptyFlag(flags); err != nil {
		return exit(c.fail(std, err), 0)
	}
	std.progress = startProgress(std.err)
	leaks, err := do(ctx, std, flags.Args())
	std.progress.end()
	switch {
	case err != nil:
		return exit(c.fail(std, err), leaks)
	case leaks > 0:
		return exit(statusLeaks, leaks)
	}
	return exit(statusNone, 0)
}

// emptyFlag returns the error for a flag whose value is empty, nil if there is none. What
// was to fill it has failed, and without it the command would look elsewhere, or for
// something else: -via "" at this machine.
func emptyFlag(flags *flag.FlagSet) (err error) {
	flags.Visit(func(f *flag.Flag) {
		if err == nil && f.Value.String() == "" {
			err = usageError{fmt.Sprintf("-%s is empty: leave it out, or see what was to fill it", f.Name)}
		}
	})
	return err
}

// usageError is a wrong command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// withoutOperation returns the text of one of the library's errors without the name of the
// operation that it begins with, which says no more than the command's name.
func withoutOperation(text string) string {
	for _, operation := range []string{"probe: ", "find: "} {
		text = strings.TrimPrefix(text, operation)
	}
	return text
}

// notRunError is the reason why find has not run its command.
type notRunError struct {
	name string
	err  error
}

func (e notRunError) Error() string {
	return e.name + " was not run: " + withoutOperation(e.err.Error())
}
func (e notRunError) Unwrap() error { return e.err }

// fail reports an error and returns its exit status.
func (c command) fail(std stdio, err error) int {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(std.err, "kmemleak %s: %s\n", c.name, strings.TrimPrefix(withoutOperation(strings.TrimSuffix(line, "\n")), c.name+": "))
	}
	if errors.As(err, new(usageError)) {
		fmt.Fprintf(std.err, "usage: %s (try: kmemleak help %s)\n", c.usage(), c.name)
		return statusUsage
	}
	if errors.As(err, new(commandError)) {
		return statusCommand
	}
	return statusError
}
