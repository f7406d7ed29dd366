// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// completions are lines to complete, and the results.
var completions = []struct {
	line string // up to the cursor
	want []string
}{
	{"sy", []string{"symbolize"}},
	{"symbolize -f", []string{"-format"}},
	{"symbolize -format j", []string{"json", "junit"}},
	{"watch -format ", []string{"json", "text"}},
	{"find -format junit -b", []string{"-baseline"}},
	{"diff -p", []string{"-places"}},
	{"symbolize --f", []string{"--format"}},
	{"symbolize --format j", []string{"json", "junit"}},
	{"help com", []string{"completion"}},
	{"completion z", []string{"zsh"}},
}

func TestCompletion(t *testing.T) {
	for _, tt := range []struct {
		shell string
		// ask returns a program that prints the completions of a line.
		ask func(script, line string) string
	}{
		{"bash", func(script, line string) string {
			return askBash(script, line) + "\n_kmemleak\nprintf '%s\\n' \"${COMPREPLY[@]}\""
		}},
		{"zsh", func(script, line string) string {
			// These are the options with which bashcompinit calls functions.
			return "compdef() { :; }\n" + askBash(script, line) +
				"\nemulate sh\nsetopt kshglob noshglob braceexpand nokshautoload\n_kmemleak\nprintf '%s\\n' \"${COMPREPLY[@]}\""
		}},
		{"fish", func(script, line string) string {
			return fmt.Sprintf("source %s; complete -C 'kmemleak %s' | string replace -r '\\t.*' ''; or true", script, line)
		}},
	} {
		t.Run(tt.shell, func(t *testing.T) {
			got := runWith(t, "", "completion", tt.shell)
			if got.Status != 0 {
				t.Fatal(got.Err)
			}
			dir := t.TempDir()
			t.Setenv("HOME", dir) // for fish, which needs one
			script := filepath.Join(dir, "script")
			if err := os.WriteFile(script, []byte(got.Out), 0o666); err != nil {
				t.Fatal(err)
			}
			for _, c := range completions {
				answer := strings.Fields(tool(t, tt.shell, "", tt.shell, "-c", tt.ask(script, c.line)))
				// Zsh's compgen leaves it to the caller to select what fits.
				last := c.line[strings.LastIndex(c.line, " ")+1:]
				answer = slices.DeleteFunc(answer, func(s string) bool { return tt.shell == "zsh" && !strings.HasPrefix(s, last) })
				slices.Sort(answer)
				if diff := cmp.Diff(c.want, answer); diff != "" {
					t.Errorf("kmemleak %s (-want +got):\n%s", c.line, diff)
				}
			}
		})
	}
}

// askBash sets the variables that bash sets for a line.
func askBash(script, line string) string {
	words := strings.Split("kmemleak "+line, " ")
	return fmt.Sprintf("source %s\nCOMP_WORDS=('%s')\nCOMP_CWORD=%d", script, strings.Join(words, "' '"), len(words)-1)
}

// Behind -- there is another command, and its flags are not ours.
func TestCompletionOfCommand(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte(runWith(t, "", "completion", "bash").Out), 0o666); err != nil {
		t.Fatal(err)
	}
	got := tool(t, "bash", "", "bash", "-c", askBash(script, "find -- make -f")+"\n_kmemleak\necho ${#COMPREPLY[@]}")
	if diff := cmp.Diff("0\n", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
