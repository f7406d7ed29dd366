// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package leakwindow tells in which test a leak was allocated, for tests in any language:
//
//	Cursor  a moment of a kernel's time, as text that a script keeps
//	Parse   a file with a line for each test: its name, its beginning and its end
//	Assign  leaks to tests, by the time of their allocation
//
// So one search after many tests is enough, as with kmemleaktest.Suite for Go.
package leakwindow

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/machine"
)

// ErrOtherBoot means that a [Cursor] was taken on another boot of the kernel, or on
// another machine: its time says nothing of this one.
var ErrOtherBoot = errors.New("the cursor is of another boot")

// A Cursor is a moment of a kernel's time, and where modules were then. It is a single word
// as text, see [Cursor.String].
type Cursor struct {
	BootID  string // of /proc/sys/kernel/random/boot_id
	Jiffies uint64 // as [kmemleak.Detector.Mark] returns it: what was allocated before has less

	// Modules is where code of modules was in memory, so that what they lose has names
	// after they are gone. Sections without code are left out.
	Modules []kmemleak.Module
}

// Take returns the cursor of now. It waits for the kernel's next tick, as
// [kmemleak.Detector.Mark] does, and needs root.
func Take(ctx context.Context, d *kmemleak.Detector) (Cursor, error) {
	boot, err := BootID(ctx, d)
	if err != nil {
		return Cursor{}, fmt.Errorf("cursor: %w", err)
	}
	snapshot, _ := d.Snapshot() // a kernel without modules has times all the same
	now, err := d.Mark()        // last: what is allocated from here on is behind it
	if err != nil {
		return Cursor{}, fmt.Errorf("cursor: %w", err)
	}
	c := Cursor{BootID: boot, Jiffies: now}
	for _, m := range snapshot.Modules {
		code := make(map[string]uint64)
		for name, addr := range m.Sections {
			if strings.Contains(name, "text") {
				code[name] = addr
			}
		}
		c.Modules = append(c.Modules, kmemleak.Module{Name: m.Name, BuildID: m.BuildID, Sections: code})
	}
	return c, nil
}

// BootID returns what distinguishes this boot of d's kernel from all others.
func BootID(ctx context.Context, d *kmemleak.Detector) (string, error) {
	id, err := machine.Of(d.Transport, d.Path).Setting(ctx, "/proc/sys/kernel/random/boot_id")
	if err == nil && !isBootID(id) {
		err = fmt.Errorf("boot_id %q is none", id)
	}
	if err != nil {
		return "", fmt.Errorf("which boot this is: %w", err)
	}
	return id, nil
}

// isBootID reports whether a text has the form of a boot ID, as of
// 01234567-89ab-cdef-0123-456789abcdef.
func isBootID(id string) bool {
	groups := strings.Split(id, "-")
	return len(id) == 36 && len(groups) == 5 && len(groups[0]) == 8 && len(groups[1]) == 4 && len(groups[2]) == 4 && len(groups[3]) == 4 &&
		strings.Trim(id, "-0123456789abcdef") == ""
}

// prefix begins a cursor, with the version of its form.
const prefix = "kmemleak1:"

// String returns the cursor as one word of letters, digits and the characters ":-_", with
// nothing that a shell has a meaning for:
//
//	kmemleak1:BOOT_ID:JIFFIES:MODULES
//
// MODULES is the JSON form of the list of modules, compressed (RFC 1951), in base64 for
// URLs, and may be empty. A module takes about 60 bytes. Where the word would get too long
// for the arguments of a program, the modules are left out.
func (c Cursor) String() string {
	head := fmt.Sprintf("%s%s:%d:", prefix, c.BootID, c.Jiffies)
	if len(c.Modules) == 0 {
		return head
	}
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression) // fails for other levels only
	err := json.NewEncoder(w).Encode(c.Modules)
	if err = errors.Join(err, w.Close()); err != nil || b.Len() > maxModules {
		return head
	}
	return head + base64.RawURLEncoding.EncodeToString(b.Bytes())
}

const (
	maxModules  = 90 << 10  // of the 128 KiB that an argument may have, in base64
	maxUnpacked = 4 << 20   // of one cursor
	maxInAll    = 256 << 20 // of the cursors of a file
)

// unpacked are the lists of modules of some cursors, by their packed form. Nearly all cursors
// of one boot have the same, which takes a millisecond and 100 kB.
type unpacked struct {
	modules map[string][]kmemleak.Module
	size    int // of their JSON
}

// ParseCursor reads what [Cursor.String] returns; blanks around it do not count. The error
// matches [kmemleak.ErrFormat].
func ParseCursor(text string) (Cursor, error) { return new(unpacked).cursor(text) }

func (u *unpacked) cursor(text string) (Cursor, error) {
	fail := func(format string, args ...any) (Cursor, error) {
		return Cursor{}, formatErrorf("cursor %q: %s", clip(text), fmt.Sprintf(format, args...))
	}
	text = strings.TrimSpace(text)
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		name, version, _ := strings.Cut(text, "kmemleak")
		if version, _, ok := strings.Cut(version, ":"); ok && name == "" && number(version) {
			return fail("it is of a newer version of kmemleak than this one")
		}
		return fail("expected what kmemleak mark prints")
	}
	fields := strings.Split(rest, ":")
	if len(fields) != 3 || !isBootID(fields[0]) {
		return fail("expected a boot ID, jiffies and modules")
	}
	jiffies, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return fail("jiffies %q", clip(fields[1]))
	}
	c := Cursor{BootID: fields[0], Jiffies: jiffies}
	if fields[2] == "" {
		return c, nil
	}
	if c.Modules, err = u.unpack(fields[2]); err != nil {
		return fail("its modules are cut or damaged: %v", err)
	}
	return c, nil
}

// unpack returns the modules of a cursor, which nobody may change.
func (u *unpacked) unpack(text string) (modules []kmemleak.Module, err error) {
	if modules, ok := u.modules[text]; ok {
		return modules, nil
	}
	packed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	most := min(maxUnpacked, maxInAll-u.size)
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), int64(most)+1))
	if err == nil && len(plain) > most {
		err = fmt.Errorf("more than %d bytes", most)
	}
	if err != nil {
		return nil, err
	}
	u.size += len(plain)
	if err := json.Unmarshal(plain, &modules); err != nil {
		return nil, err
	}
	if u.modules == nil {
		u.modules = make(map[string][]kmemleak.Module)
	}
	u.modules[text] = modules
	return modules, nil
}

// A formatError matches [kmemleak.ErrFormat] without its text, which is about reports.
type formatError string

func formatErrorf(format string, args ...any) error {
	return formatError(fmt.Sprintf(format, args...))
}

func (e formatError) Error() string { return string(e) }
func (formatError) Unwrap() error   { return kmemleak.ErrFormat }

// On returns nil if the cursor is of the boot with this ID, see [BootID], and an error that
// matches [ErrOtherBoot] otherwise.
func (c Cursor) On(boot string) error {
	if c.BootID == boot {
		return nil
	}
	return fmt.Errorf("%w: of %s, and this is %s (take it with kmemleak mark after the machine has booted, on the same machine)", ErrOtherBoot, c.BootID, boot)
}

// before returns the last tick before the cursor. The counter of a 32-bit kernel begins
// anew.
func (c Cursor) before() uint64 {
	if c.Jiffies == 0 {
		return math.MaxUint32
	}
	return c.Jiffies - 1
}

// clip returns text for an error, cut if it is long.
func clip(text string) string {
	const longest = 80
	if len(text) > longest {
		return text[:longest] + "..."
	}
	return text
}
