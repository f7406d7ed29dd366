// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	slashpath "path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/maintainers"
)

// suspects returns the code that a leak may belong to, the likeliest first.
func suspects(calls []kmemleak.Call) (owners []kmemleak.Owner) {
	for _, c := range kmemleak.CandidatesOf(calls) {
		owners = append(owners, c.Owner)
	}
	return owners
}

// A tree is the source of a kernel with its MAINTAINERS.
type tree struct {
	dir  string
	file *maintainers.File
}

// readTree reads the MAINTAINERS of the first source tree that has one. It returns nil if
// there is none.
func (o *Options) readTree() (*tree, error) {
	if o.Symbolizer == nil {
		return nil, nil
	}
	for _, dir := range o.Symbolizer.Sources {
		file, err := maintainers.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &tree{dir, file}, nil
	}
	return nil, nil
}

// path returns the path of a place's file from the root of the tree, "" if the tree does
// not have the file.
func (t *tree) path(p *kmemleak.Pos) string {
	if t == nil || p == nil {
		return ""
	}
	for _, name := range []string{p.File, p.RawFile} {
		name = slashpath.Clean(name)
		if rest, ok := strings.CutPrefix(name, slashpath.Clean(t.dir)+"/"); ok {
			return rest
		}
		// The compiler may have had the tree elsewhere.
		for name = strings.TrimLeft(name, "/"); strings.Contains(name, "/"); _, name, _ = strings.Cut(name, "/") {
			if info, err := os.Stat(slashpath.Join(t.dir, name)); err == nil && info.Mode().IsRegular() && !strings.HasPrefix(name, "../") {
				return name
			}
		}
	}
	return ""
}

// of returns the sections of a place, without the one for everything; nil if the tree
// does not have its file.
func (t *tree) of(p *kmemleak.Pos) []*maintainers.Section {
	file := t.path(p)
	if file == "" {
		return nil
	}
	return slices.DeleteFunc(t.file.Of(file), (*maintainers.Section).Rest)
}

// maintainers writes who looks after the file of a group's owner.
func (p *printer) maintainers(g *group) {
	for _, o := range suspects(g.calls) {
		for _, s := range p.tree.of(o.Pos) {
			line := text(s.Name)
			if s.Status != "" {
				line += fmt.Sprintf(" (%s)", text(s.Status))
			}
			if people := slices.Concat(s.Maintainers, s.Lists); len(people) > 0 {
				line += ": " + clean(clip(strings.Join(people, ", "), maxError))
			}
			p.line(plain, "    maintained as %s", line)
		}
	}
}

// recipients returns who is to be told about leaks of these owners. Everybody is named
// once.
func (t *tree) recipients(owners []kmemleak.Owner) (to, cc []string) {
	known := make(map[string]bool)
	add := func(list *[]string, entries []string) {
		for _, entry := range entries {
			address, name := addressOf(entry)
			if address == "" || known[strings.ToLower(address)] || name != "" && known[strings.ToLower(name)] {
				continue
			}
			known[strings.ToLower(address)], known[strings.ToLower(name)] = true, name != ""
			*list = append(*list, headerAddress(name, address))
		}
	}
	var lists []string
	for _, o := range owners {
		file := t.path(o.Pos)
		if file == "" {
			continue
		}
		for _, s := range t.file.Of(file) {
			if !s.Rest() { // the one of that is told of everything by the list
				add(&to, s.Maintainers)
				add(&cc, s.Reviewers)
			}
			lists = append(lists, s.Lists...)
		}
	}
	add(&cc, lists)
	if len(to) == 0 {
		to, cc = cc, nil
	}
	return to, cc
}

// addressOf splits an entry of MAINTAINERS, "Name <address>".
func addressOf(entry string) (address, name string) {
	name, address, ok := strings.Cut(entry, "<")
	if !ok {
		return strings.TrimSpace(entry), ""
	}
	return strings.TrimSpace(strings.TrimSuffix(address, ">")), strings.Trim(strings.TrimSpace(name), `"`)
}

// headerAddress returns an address for the header of a mail.
func headerAddress(name, address string) string {
	switch {
	case name == "":
		return address
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }):
		name = encodedWords(name)
	case strings.ContainsAny(name, `()<>[]:;@\,."`):
		name = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	return name + " <" + address + ">"
}

// encodedWords returns a name for the header of a mail (RFC 2047): words of whole
// characters, none of more than 75 bytes.
func encodedWords(name string) string {
	const longest = (75 - len("=?utf-8?b??=")) / 4 * 3
	var words []string
	for name = strings.ToValidUTF8(name, "\ufffd"); name != ""; {
		end := min(longest, len(name))
		for end < len(name) && !utf8.RuneStart(name[end]) {
			end--
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(name[:end]))+"?=")
		name = name[end:]
	}
	return strings.Join(words, " ")
}
