#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# build.sh [FOLDER]: builds the fixtures in this folder, or in FOLDER, from queue.c
# and main.c: objects linked with `ld -r` as modules are, one for each architecture,
# compiler and form of debugging information that is to be read. No path of the
# machine gets into them. Those that .gitignore names are not kept; the tests build
# them where the compilers are.
#
# Debian 12: gcc, clang-14, binutils, dwz, rustc, and the cross compilers
# gcc-{aarch64,powerpc64le,riscv64,s390x}-linux-gnu, gcc-arm-linux-gnueabi and
# gcc-mips64-linux-gnuabi64.
set -eu
# Debian's own tools, whatever stands before them: rustup's rustc has no default toolchain.
PATH=/usr/bin:$PATH
src=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "${1:-$src}" && cd "${1:-$src}" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp "$src"/*.c "$src"/*.h "$src"/*.rs "$tmp"
cd "$tmp"

common="-O2 -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables -fno-common -fdebug-prefix-map=$tmp=/src/queue"
x86="-mcmodel=kernel -mno-red-zone -fcf-protection=none"

# module NAME COMPILER LD FLAGS...
module() {
	name=$1 cc=$2 ld=$3
	shift 3
	rm -f ./*.o ./*.dwo
	for unit in queue main; do
		$cc $common "$@" -c -o $unit.o $unit.c
	done
	$ld -r -o "$out/$name.ko" queue.o main.o
}

module x86_64         gcc "ld" -gdwarf-5 $x86
module x86_64-dwarf2  gcc "ld" -gdwarf-2 $x86
module x86_64-dwarf3  gcc "ld" -gdwarf-3 -gstrict-dwarf $x86
module x86_64-dwarf4  gcc "ld" -gdwarf-4 $x86
module x86_64-dwarf64 gcc "ld" -gdwarf-5 -gdwarf64 $x86
module x86_64-sections gcc "ld" -gdwarf-5 -ffunction-sections $x86
module x86_64-noaranges gcc "ld" -gdwarf-5 $x86
objcopy --remove-section=.debug_aranges --remove-section=.rela.debug_aranges "$out/x86_64-noaranges.ko"
module i386           gcc "ld -m elf_i386" -m32 -gdwarf-5 -fcf-protection=none
module i386-dwarf4    gcc "ld -m elf_i386" -m32 -gdwarf-4 -fcf-protection=none
for v in 4 5; do
	module arm64-dwarf$v   aarch64-linux-gnu-gcc "aarch64-linux-gnu-ld" -gdwarf-$v
	module arm-dwarf$v     arm-linux-gnueabi-gcc "arm-linux-gnueabi-ld" -gdwarf-$v
	module riscv64-dwarf$v riscv64-linux-gnu-gcc "riscv64-linux-gnu-ld" -gdwarf-$v -mcmodel=medany
	module ppc64le-dwarf$v powerpc64le-linux-gnu-gcc "powerpc64le-linux-gnu-ld" -gdwarf-$v
	module s390x-dwarf$v   s390x-linux-gnu-gcc "s390x-linux-gnu-ld" -gdwarf-$v
	module mips64-dwarf$v  mips64-linux-gnuabi64-gcc "mips64-linux-gnuabi64-ld" -gdwarf-$v -mno-abicalls -mlong-calls
	module clang-x86_64-dwarf$v  "clang-14 --target=x86_64-linux-gnu" "ld" -gdwarf-$v $x86
	module clang-arm64-dwarf$v   "clang-14 --target=aarch64-linux-gnu" "aarch64-linux-gnu-ld" -gdwarf-$v
	module clang-riscv64-dwarf$v "clang-14 --target=riscv64-linux-gnu" "riscv64-linux-gnu-ld" -gdwarf-$v -mcmodel=medany -mno-relax
	for cc in gcc clang-14; do
		mkdir -p "$out/split-$cc-dwarf$v"
		module split-$cc-dwarf$v/queue "$cc" "ld" -gdwarf-$v -gsplit-dwarf $x86
		cp ./*.dwo "$out/split-$cc-dwarf$v"
	done
done

# Compressed sections.
for how in zlib zlib-gnu zstd; do
	objcopy --compress-debug-sections=$how "$out/x86_64.ko" "$out/x86_64-$how.ko"
done

# Entries in other units: link-time optimization.
rm -f ./*.o
gcc $common -gdwarf-5 $x86 -flto -c queue.c main.c
gcc $common -gdwarf-5 $x86 -flto -flto-partition=one -nostdlib -r -flinker-output=nolto-rel -o "$out/x86_64-lto.ko" queue.o main.o

# Entries in another file: dwz, which handles linked files only.
for v in 4 5; do
	rm -f ./*.o
	gcc $common -gdwarf-$v $x86 -c queue.c main.c
	mkdir -p "$out/dwz$v"
	for f in one two; do
		ld --unresolved-symbols=ignore-all -e 0 --build-id -o "$out/dwz$v/$f.elf" queue.o main.o
		objcopy --remove-section=.debug_truth "$out/dwz$v/$f.elf"
	done
	# Version 5 has a form of its own for this (.debug_sup).
	(cd "$out/dwz$v" && dwz $([ $v = 4 ] || echo --dwarf-5) -m common.debug -M common.debug -h one.elf two.elf; rm -f two.elf)
done

# Rust: namespaces, generic functions, mangled names.
rustc --crate-type=lib --crate-name=queue --emit=obj -O -C panic=abort -C debuginfo=2 -C codegen-units=1 \
	-C symbol-mangling-version=v0 -C code-model=kernel -C relocation-model=static \
	--target=x86_64-unknown-linux-gnu --remap-path-prefix="$tmp=/src/queue" -o rust.o queue.rs
ld -r -o "$out/rust.ko" rust.o
