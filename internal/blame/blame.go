// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package blame knows whose a leak is: which functions of a backtrace only pass memory on
// to their callers. It knows names, source files and return types, and nothing of leaks.
//
// What it says is likely, not proved: docs/guarantees.md has what was measured.
package blame

import (
	"slices"
	"strings"
)

// A Function is what is known of a function on the way to an allocation.
type Function struct {
	Name    string // as in the source, without _noprof and what compilers add; "" for a bare address
	File    string // source file, from the root of the kernel's tree or absolute; "" if not known
	Module  string // "" for the kernel image, or if not known
	Returns string // Pointer, Value, or "" if not known
	Inlined bool   // into the next function
}

// What a function returns.
const (
	Pointer = "pointer"
	Value   = "value" // or nothing
)

// A Reason says why a function is passed, which means that a leak is of its caller.
type Reason struct {
	Text  string // of which the function's name is the subject: "returns what it makes"
	Maker bool   // the function makes things of its own; otherwise it serves any caller
	Guess bool   // only its name says so
}

// Pass returns why f is passed. The zero Reason means that a leak is of f.
//
// Neither an allocator nor an entry is passed by it, see [Allocator] and [Entry].
func Pass(f Function) Reason {
	name := f.Name
	if name == "" || Entry(name) {
		return Reason{}
	}
	if kind := kindOf(name); kind != "" {
		return Reason{Text: "makes " + kind + " for any caller"}
	}
	if folder := service(f); folder != "" {
		return Reason{Text: "is of " + folder + ", which serves any caller"}
	}
	switch f.Returns {
	case Pointer:
		if slices.ContainsFunc(words(name), isMaker) {
			return Reason{Text: "returns what it makes", Maker: true}
		}
	case "":
		if seemsMaker(name) {
			return Reason{Text: "hands on what it makes, as its name says", Maker: true, Guess: true}
		}
	}
	return Reason{}
}

// makers are the words in the names of functions that hand what they allocate to their
// callers, if they return a pointer.
var makers = map[string]bool{
	"alloc": true, "allocate": true, "new": true, "create": true, "dup": true, "duplicate": true, "clone": true, "copy": true, "get": true,
}

func isMaker(word string) bool { return makers[word] }

// seemsMaker reports whether a function of which only the name is known hands what it
// allocates to its caller: whether most of those in Linux 6.12 that call an allocator and
// have such a name return a pointer. That is so with alloc in any place (56 % in the middle,
// 73 % at the ends), with new in front of something (55 %, 68 % as the first word), and with
// allocate, dup, duplicate or get at the end (54 to 64 %). It is not so with clone and
// copy. create is left out although it has 73 % at the end: what is called through a table
// of operations, as inet_create is, has that name too, and returns a number.
func seemsMaker(name string) bool {
	w := words(name)
	if len(w) == 0 {
		return false
	}
	switch w[len(w)-1] {
	case "allocate", "dup", "duplicate", "get":
		return true
	}
	return w[0] == "dup" || slices.Contains(w, "alloc") || slices.Contains(w[:len(w)-1], "new")
}

// words returns the words of a name.
func words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '_' })
}

// service returns the folder that a function is in, if everything there serves any
// caller: the kernel's library, memory management and driver core. Only code in the kernel
// image counts, because a driver may have a folder of that name too.
func service(f Function) string {
	if f.Module != "" || !strings.HasSuffix(f.File, ".c") {
		return ""
	}
	folder := f.File[:strings.LastIndexByte(f.File, '/')+1]
	for _, s := range services {
		rest, ok := strings.CutSuffix(folder, s+"/")
		if ok && (rest == "" || rest[len(rest)-1] == '/') && !slices.ContainsFunc(strings.Split(rest, "/"), isTop) {
			return s
		}
	}
	return ""
}

var services = []string{"lib", "mm", "drivers/base", "drivers/base/firmware_loader"}

// isTop reports whether a folder has libraries of its own inside: arch/x86/lib.
func isTop(folder string) bool {
	switch folder {
	case "arch", "drivers", "fs", "net", "sound", "tools", "virt":
		return true
	}
	return false
}

// Dir returns the folder of a source file, "" if the path has none.
func Dir(file string) string {
	i := strings.LastIndexByte(file, '/')
	if i < 0 {
		return ""
	}
	return file[:i]
}
