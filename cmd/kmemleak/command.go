// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"flag"
	"strings"
)

// A command is one of kmemleak's. What it does, its usage, the man page and the
// completion are all made from this.
type command struct {
	name  string
	args  string // arguments after the flags; "" if there are none
	short string // what it does, in one line
	text  string // the rest: paragraphs; indented ones stay as they are

	// words returns the possible values of an argument; nil if arguments are files.
	words func() []string

	// define defines the flags and returns the action of the command.
	define func(*flag.FlagSet) action
}

// An action runs a command with the arguments behind its flags. It returns the number
// of leaks found, or of new ones; with an error that number does not count.
type action func(ctx context.Context, std stdio, args []string) (leaks int, err error)

// commands returns the table, in the order in which it is shown.
func commands() []command {
	return []command{
		status, find, mark, watch,
		scan, reportCommand, refs, clearCommand, dump, stack, auto, off,
		symbolize, explain, diff, pprof,
		snapshot, help(), completion(), version,
	}
}

func lookup(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

func commandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

// flags returns the flags of a command, with their default values.
func (c command) flags() []*flag.Flag {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.define(set)
	var flags []*flag.Flag
	set.VisitAll(func(f *flag.Flag) { flags = append(flags, f) })
	return flags
}

// usage returns the command line in a few words.
func (c command) usage() string {
	words := []string{"kmemleak", c.name}
	if len(c.flags()) > 0 {
		words = append(words, "[flags]")
	}
	if c.args != "" {
		words = append(words, c.args)
	}
	return strings.Join(words, " ")
}

// noArguments returns the error for arguments that a command does not take, or nil if
// there are none.
func noArguments(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{"no arguments are taken: " + strings.Join(args, " ")}
}

// A list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }
