// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package dwarf finds the source of a code address in the DWARF debugging information
// (versions 2 to 5) of a kernel object file.
//
//	d, err := dwarf.New(file, nil) // reads nothing yet
//	loc, err := d.Lookup(pc)       // source position and inline chain
//	site, err := d.CallSite(ret)   // the call that returns to ret
//	fn, err := d.Function(pc)      // address ranges and all calls of a function
//
// Addresses are those of package kobj: private ones in a module, those of the file in a
// linked file. For a return address the caller passes the address minus one to
// [Data.Lookup] and [Data.Function], and the address itself to [Data.CallSite].
//
// # Laziness
//
// A lookup reads the address table (.debug_aranges), one unit, its abbreviations and
// its line program, and nothing else. Some units have no entry in the address table,
// such as those of clang and rustc. They are found by their own ranges, which are read
// when an address is not in the table. Relocations are applied to single values; see
// package kobj.
//
// # Memory
//
// Of each unit that was decoded, these are kept: the abbreviations of functions and
// calls, the ranges of its functions, places from which to resume its line program, and
// the calls of functions whose calls were asked for. A unit of the kernel takes some
// 16 KB. Together this is at most [Budget] bytes by its own account, plus the unit that
// is being read, and some megabytes of names and paths that were returned. The least
// recently used units are dropped first. Damaged or hostile sections make no unit larger
// than 32 times their size, and no lookup takes time out of proportion to it: data that
// has one owner in the output of compilers is not read again for every entry that points
// to it. Passes over all units release the file's pages on the way. Lookups in a large file
// map none: they copy the part that they read of a section, as much as a whole unit.
//
// Nothing that is returned refers to the file.
//
// # Split files and alternate files
//
// Entries that -gsplit-dwarf moved to .dwo files are read from there, or from a package of
// them (.dwp) beside the object file, which is looked at first. A .dwo file is where the
// compiler recorded it, or beside the object file. The identification of either must
// match. Entries and strings that dwz moved are
// found through .gnu_debugaltlink and .debug_sup, if the build ID matches. If a file is
// missing, lines are still found, and [Location.Err] names the file.
//
// # What is not read
//
// In C, functions inside functions are found only if the outer one does not say where
// it ends; the kernel has none. Type units have no code and are skipped.
//
// # Errors
//
// Damage has local effects. Everything that can still be read is returned, with the
// cause in [Location.Err]. A unit with an unknown attribute form still has its line
// table and the functions before that form. An address whose relocation is not
// understood is not used as an address. Errors match [ErrFormat] or [ErrNotFound].
package dwarf
