// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package dwarf answers what source a code address comes from, out of the DWARF
// debugging information (versions 2 to 5) of a kernel object file.
//
//	d, err := dwarf.New(file, nil) // reads nothing yet
//	loc, err := d.Lookup(pc)       // source position and inline chain
//	site, err := d.CallSite(ret)   // the call that returns to ret
//	fn, err := d.Function(pc)      // address ranges and all calls of a function
//
// Addresses are those of package kobj: private ones in a module, those of the
// file in a linked one. For a return address the caller passes the address minus
// one to [Data.Lookup] and [Data.Function], and the address itself to
// [Data.CallSite].
//
// # Laziness
//
// A lookup reads the address table (.debug_aranges), one unit, its abbreviations
// and its line program, and nothing else. Units that have no entry in the address
// table, as those of clang and rustc, are found by their own ranges, which are
// read when an address is not in the table. Relocations are applied to single
// values, see package kobj.
//
// # Memory
//
// What was decoded of a unit is kept: the abbreviations of functions and calls,
// the ranges of its functions, places to resume its line program from, the inline
// trees of functions that were asked for, and the names in answers. A unit of the
// kernel takes some 20 KB. Together this is at most [Budget] bytes by its own
// account, plus the one unit that is being read; units not used for the longest
// time go first. Damaged or hostile sections make no unit larger than 32 times
// their size, and no lookup takes time out of proportion to it: what has one owner
// in the output of compilers is not read once for every entry that points to it.
// Passes over all units give the pages of the file back on the way.
//
// Nothing that is returned refers to the file.
//
// # Split files and alternate files
//
// Entries that -gsplit-dwarf moved to .dwo files are read from there: from the
// place that the compiler noted, or beside the file, if the identification
// matches. Packages of them (.dwp) are not read. Entries and strings that dwz
// moved are found through .gnu_debugaltlink and .debug_sup, if the build ID
// matches. A file that is missing leaves the lines, and is named in
// [Location.Err].
//
// # What is not read
//
// In C, functions inside functions are found only where the outer one does not say
// where it ends; the kernel has none. Type units have no code and are passed over.
//
// # Errors
//
// Damage stays where it is. What can be told in spite of it is returned, with the
// cause in [Location.Err]; an unknown attribute form leaves a unit with its line
// table and the functions before that place; an address whose relocation is not
// understood is no address. Errors match [ErrFormat] or [ErrNotFound].
package dwarf
