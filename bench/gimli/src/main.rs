// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//! The smallest program that symbolizes with the crate addr2line, which is built on
//! gimli. It reads addresses, one per line, and prints the functions and places of
//! each. Its argument is the object file. It exists to compare its time and memory with
//! those of other programs.

use std::borrow::Cow;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, Write};

use gimli::{EndianSlice, LittleEndian};
use object::{Object, ObjectSection};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("no object file")?;
    let file = File::open(path)?;
    let map = unsafe { memmap2::Mmap::map(&file)? };
    let object = object::File::parse(&*map)?;
    let dwarf = gimli::Dwarf::load(|id| -> object::Result<_> {
        let contents = match object.section_by_name(id.name()) {
            Some(section) => section.uncompressed_data()?,
            None => Cow::Borrowed(&[][..]),
        };
        // Only compressed sections are copied. They live as long as the program.
        let bytes: &[u8] = match contents {
            Cow::Borrowed(bytes) => bytes,
            Cow::Owned(bytes) => Box::leak(bytes.into_boxed_slice()),
        };
        Ok(EndianSlice::new(bytes, LittleEndian))
    })?;
    let context = addr2line::Context::from_dwarf(dwarf)?;

    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let address = u64::from_str_radix(line.trim_start_matches("0x"), 16)?;
        let mut frames = context.find_frames(address)?;
        while let Some(frame) = frames.next()? {
            match &frame.function {
                Some(function) => out.write_all(&function.raw_name()?.as_bytes())?,
                None => out.write_all(b"??")?,
            }
            let place = frame.location.as_ref();
            writeln!(
                out,
                "\n{}:{}:{}",
                place.and_then(|p| p.file).unwrap_or("??"),
                place.and_then(|p| p.line).unwrap_or(0),
                place.and_then(|p| p.column).unwrap_or(0)
            )?;
        }
        writeln!(out)?;
    }
    out.flush()?;
    Ok(())
}
