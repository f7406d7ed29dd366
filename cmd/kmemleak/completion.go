// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
)

func completion() command {
	shells := map[string]func(io.Writer){"bash": writeBash, "zsh": writeZsh, "fish": writeFish}
	names := []string{"bash", "zsh", "fish"}
	return command{
		name:  "completion",
		args:  strings.Join(names, "|"),
		short: "write the completion of command lines for a shell",
		text: `To enable it in this shell and in every new one:

    source <(kmemleak completion bash)                                  # in ~/.bashrc
    source <(kmemleak completion zsh)                                   # in ~/.zshrc, after compinit
    kmemleak completion fish > ~/.config/fish/completions/kmemleak.fish # once`,
		words: func() []string { return names },
		define: func(*flag.FlagSet) action {
			return func(_ context.Context, std stdio, args []string) (int, error) {
				if len(args) != 1 || shells[args[0]] == nil {
					return 0, usageError{"one of these shells: " + strings.Join(names, ", ")}
				}
				return 0, writeAll(std.out, shells[args[0]])
			}
		},
	}
}

// flagValues returns the possible values of a flag, or nil if any value is possible.
func flagValues(f *flag.Flag) []string {
	if c, ok := f.Value.(*choice); ok {
		return c.values
	}
	return nil
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// moduleWords is what the shell runs for the names of modules.
const moduleWords = "$(cut -d' ' -f1 /proc/modules 2>/dev/null)"

// ofModules reports whether a flag takes the name of a module that is loaded.
func ofModules(f *flag.Flag) bool { return f.Name == "module" }

// writeBash writes a function that completes commands, flags and their values, and
// leaves file names to the shell.
func writeBash(w io.Writer) {
	fmt.Fprintf(w, `_kmemleak() {
	local cur=${COMP_WORDS[COMP_CWORD]} list=
	COMPREPLY=()
	[[ " ${COMP_WORDS[*]:0:$COMP_CWORD} " == *' -- '* ]] && return
	local last=${COMP_WORDS[COMP_CWORD-1]}
	[[ $last == --* ]] && last=${last#-}
	case "$COMP_CWORD ${COMP_WORDS[1]} $last" in
	'1 '*) list='%s' ;;
`, strings.Join(commandNames(), " "))
	for _, c := range commands() {
		var names []string
		for _, f := range c.flags() {
			names = append(names, "-"+f.Name)
			if values := flagValues(f); values != nil {
				fmt.Fprintf(w, "\t*' %s -%s') list='%s' ;;\n", c.name, f.Name, strings.Join(values, " "))
			} else if ofModules(f) {
				fmt.Fprintf(w, "\t*' %s -%s') list=\"%s\" ;;\n", c.name, f.Name, moduleWords)
			} else if !isBool(f) {
				fmt.Fprintf(w, "\t*' %s -%s') return ;;\n", c.name, f.Name)
			}
		}
		if c.words != nil {
			fmt.Fprintf(w, "\t*' %s '*) list='%s' ;;\n", c.name, strings.Join(append(c.words(), names...), " "))
		} else if len(names) > 0 {
			fmt.Fprintf(w, "\t*' %s '*) [[ $cur == -* ]] && list='%s' ;;\n", c.name, strings.Join(names, " "))
		}
	}
	// Flags have one dash in the list, and may be typed with two.
	fmt.Fprint(w, `	esac
	local dash=
	[[ $cur == --* ]] && dash=- cur=${cur#-}
	COMPREPLY=($(compgen -P "$dash" -W "$list" -- "$cur"))
}
complete -o default -F _kmemleak kmemleak
`)
}

// writeZsh makes zsh use the completion for bash.
func writeZsh(w io.Writer) {
	fmt.Fprintln(w, "autoload -U +X bashcompinit && bashcompinit")
	writeBash(w)
}

func writeFish(w io.Writer) {
	for _, c := range commands() {
		fmt.Fprintf(w, "complete -c kmemleak -n __fish_use_subcommand -f -a %s -d %s\n", c.name, fishQuote(c.short))
		here := fishQuote("__fish_seen_subcommand_from " + c.name)
		if c.words != nil {
			fmt.Fprintf(w, "complete -c kmemleak -n %s -f -a %s\n", here, fishQuote(strings.Join(c.words(), " ")))
		}
		for _, f := range c.flags() {
			_, usage := flag.UnquoteUsage(f)
			value := " -r"
			if values := flagValues(f); values != nil {
				value = " -x -a " + fishQuote(strings.Join(values, " "))
			} else if ofModules(f) {
				value = " -x -a '(cut -d\" \" -f1 /proc/modules 2>/dev/null)'"
			} else if isBool(f) {
				value = ""
			}
			fmt.Fprintf(w, "complete -c kmemleak -n %s -o %s -l %s%s -d %s\n", here, f.Name, f.Name, value, fishQuote(usage))
		}
	}
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
