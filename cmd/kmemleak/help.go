// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

func help() command {
	return command{
		name:  "help",
		args:  "[command | topic]",
		short: "show how to use kmemleak or one of its commands",
		text: `The man page is made from the same text:

    kmemleak help -man > /usr/local/share/man/man1/kmemleak.1`,
		words: func() []string { return append(commandNames(), topicNames()...) },
		define: func(flags *flag.FlagSet) action {
			man := flags.Bool("man", false, "write the man page")
			return func(_ context.Context, std stdio, args []string) (int, error) {
				switch {
				case *man && len(args) == 0:
					return 0, writeMan(std.out)
				case *man:
					return 0, noArguments(args)
				case len(args) == 0:
					return 0, writeAll(std.out, writeUsage)
				}
				if t, ok := lookupTopic(args[0]); ok {
					return 0, errors.Join(writeAll(std.out, func(w io.Writer) { fmt.Fprintln(w, t.text) }), noArguments(args[1:]))
				}
				c, ok := lookup(args[0])
				if !ok {
					return 0, usageError{noCommand(args[0], append(commandNames(), topicNames()...))}
				}
				return 0, errors.Join(writeAll(std.out, func(w io.Writer) { writeHelp(w, c) }), noArguments(args[1:]))
			}
		},
	}
}

// writeAll writes the output of write and returns the error of writing.
func writeAll(w io.Writer, write func(io.Writer)) error {
	var b bytes.Buffer
	write(&b)
	_, err := b.WriteTo(w)
	return err
}

// writeUsage writes a summary of all commands.
func writeUsage(w io.Writer) {
	fmt.Fprintf(w, "kmemleak: %s\n\nusage: kmemleak command [flags] [arguments]\n\n", title)
	for _, c := range commands() {
		fmt.Fprintf(w, "    %-11s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, "\nHelp about what several commands share: kmemleak help topic\n\n")
	for _, t := range topics {
		fmt.Fprintf(w, "    %-13s %s\n", t.name, t.short)
	}
	fmt.Fprintf(w, "\n%s\n\nExit status:\n\n%s\n\nMore about a command: kmemleak help command\n", intro, statusText)
}

// writeHelp writes everything about a command.
func writeHelp(w io.Writer, c command) {
	fmt.Fprintf(w, "usage: %s\n\n%s%s.\n", c.usage(), strings.ToUpper(c.short[:1]), c.short[1:])
	if c.text != "" {
		fmt.Fprintf(w, "\n%s\n", c.text)
	}
	if len(c.flags()) == 0 {
		return
	}
	fmt.Fprint(w, "\nFlags:\n")
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(w)
	c.define(flags)
	flags.PrintDefaults()
}
