// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// writeMan writes the man page, in the macros of man(7).
func writeMan(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintln(&b, `.\" Made by kmemleak help -man of the text in cmd/kmemleak.`)
	fmt.Fprintln(&b, `.TH KMEMLEAK 1 "" kmemleak "User Commands"`)
	section(&b, "NAME")
	fmt.Fprintf(&b, "kmemleak \\- %s\n", roff(title))
	section(&b, "SYNOPSIS")
	for i, c := range commands() {
		if i > 0 {
			fmt.Fprintln(&b, ".br")
		}
		fmt.Fprintln(&b, roff(c.usage()))
	}
	section(&b, "DESCRIPTION")
	paragraphs(&b, intro)
	section(&b, "COMMANDS")
	for _, c := range commands() {
		fmt.Fprintf(&b, ".SS %s\n", roff(c.name))
		fmt.Fprintf(&b, "%s%s.\n", strings.ToUpper(c.short[:1]), roff(c.short[1:]))
		if c.text != "" {
			fmt.Fprintln(&b, ".PP")
			paragraphs(&b, c.text)
		}
		for _, f := range c.flags() {
			manFlag(&b, f)
		}
	}
	for _, t := range topics {
		section(&b, strings.ToUpper(t.name))
		paragraphs(&b, t.text)
	}
	section(&b, "EXIT STATUS")
	paragraphs(&b, statusText)
	section(&b, "ENVIRONMENT")
	paragraphs(&b, environmentText)
	section(&b, "SEE ALSO")
	fmt.Fprintln(&b, "Documentation/dev\\-tools/kmemleak.rst in the sources of Linux,")
	fmt.Fprintln(&b, ".BR dmesg (1),")
	fmt.Fprintln(&b, ".BR proc (5)")
	_, err := io.WriteString(w, b.String())
	return err
}

func section(b *strings.Builder, name string) { fmt.Fprintf(b, ".SH %s\n", name) }

func manFlag(b *strings.Builder, f *flag.Flag) {
	value, usage := flag.UnquoteUsage(f)
	fmt.Fprintf(b, ".TP\n\\fB%s\\fR", roff("-"+f.Name))
	if value != "" {
		fmt.Fprintf(b, " \\fI%s\\fR", roff(value))
	}
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
		usage += " (default " + f.DefValue + ")"
	}
	fmt.Fprintf(b, "\n%s\n", roff(usage))
}

// paragraphs writes text in the form of command.text.
func paragraphs(b *strings.Builder, text string) {
	for i, p := range strings.Split(text, "\n\n") {
		if i > 0 {
			fmt.Fprintln(b, ".PP")
		}
		code, indented := strings.CutPrefix(p, "    ")
		if !indented {
			fmt.Fprintln(b, roff(p))
			continue
		}
		fmt.Fprintf(b, ".RS 4\n.nf\n%s\n.fi\n.RE\n", roff(strings.ReplaceAll(code, "\n    ", "\n")))
	}
}

// roff escapes text. A minus at the start of a word is a minus, not a hyphen.
func roff(s string) string {
	s = strings.ReplaceAll(s, `\`, `\e`)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		words := strings.Split(line, " ")
		for j, word := range words {
			if bare := strings.TrimLeft(word, `("[`); strings.HasPrefix(bare, "-") {
				words[j] = strings.ReplaceAll(word, "-", `\-`)
			}
		}
		line = strings.Join(words, " ")
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}
