#!/usr/bin/env bash
# Builds the kernels that the integration tests boot, and the test modules that
# they load.
#
#   kernels.sh list                          the kernels' names, one a line
#   kernels.sh kernel NAME                   build NAME if it is not in the cache, print its folder
#   kernels.sh module NAME SOURCE TARGET.ko  build the one module in the folder SOURCE for NAME
#
# A kernel's folder holds bzImage, vmlinux and build/, the tree that modules are
# built against; that of debian-x86_64, the distribution's own kernel, holds
# bzImage alone. It lies outside this repository, in $KMEMLEAK_CACHE or the user's cache folder, under a name made
# of everything that went into it: the source package's version, the compiler,
# the configuration and the recipe below. A build that did not finish leaves nothing.
#
# Debug information names the sources by where Debian's package would have put
# them (/usr/src/linux-source-6.1), not by where they were built.
set -euo pipefail

# Debian's own tools, whatever stands before them.
PATH=/usr/bin:$PATH

here=$(cd "$(dirname "$0")" && pwd)
cache=${KMEMLEAK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kmemleak}/kernels

die() { echo "kernels.sh: $*" >&2; exit 1; }

# arch_of NAME and package_of NAME read a name such as 6.12-x86_64.
arch_of() { case $1 in *-x86_64) echo x86_64 ;; *-i386) echo i386 ;; *) die "unknown kernel $1" ;; esac; }
package_of() { echo "linux-source-${1%-*}"; }

package_version() {
	dpkg-query -W -f='${Version}' "$1" 2>/dev/null || die "$1 is not installed (try: apt-get install $1)"
}

# unpack PACKAGE: the kernel source, patched by Debian as it is; prints its folder.
unpack() {
	local dir
	dir=$cache/$1_$(package_version "$1")
	if [ ! -d "$dir" ]; then
		rm -rf "$dir.part" && mkdir -p "$dir.part"
		tar -xf "/usr/src/$1.tar.xz" -C "$dir.part" --strip-components=1
		mv "$dir.part" "$dir"
	fi
	echo "$dir"
}

# folder NAME: where the kernel is or will be, built or not.
folder() {
	local arch package key
	arch=$(arch_of "$1")
	package=$(package_of "$1")
	key=$({
		package_version "$package"
		gcc --version | head -n 1
		ld --version | head -n 1
		cat "$here/common.config" "$here/$arch.config"
		declare -f kmake configure own_kernel
	} | sha256sum | cut -c 1-16)
	echo "$cache/$1-$key"
}

# kmake NAME BUILD ARGS...: make for one kernel, reproducible and free of this machine's paths.
kmake() {
	local name=$1 build=$2 arch source alias maps
	shift 2
	arch=$(arch_of "$name")
	source=$(unpack "$(package_of "$name")")
	alias=/usr/src/$(package_of "$name")
	# Longest first: gcc takes the last map that fits.
	maps="-fdebug-prefix-map=$source=$alias -fdebug-prefix-map=$build=$alias${MODULE_SOURCE:+ -fdebug-prefix-map=$MODULE_SOURCE}"
	make -C "$source" O="$build" ARCH="$arch" -j"$(nproc)" --no-print-directory \
		KBUILD_BUILD_TIMESTAMP='1970-01-01' KBUILD_BUILD_USER=kmemleak KBUILD_BUILD_HOST=kmemleak \
		KCFLAGS="$maps" KAFLAGS="$maps" "$@"
}

configure() {
	local name=$1 build=$2 arch line
	arch=$(arch_of "$name")
	kmake "$name" "$build" tinyconfig
	cat "$here/common.config" "$here/$arch.config" >>"$build/.config"
	kmake "$name" "$build" olddefconfig
	# An option that the kernel dropped would test something else than it says.
	for line in CONFIG_DEBUG_KMEMLEAK=y CONFIG_DEBUG_INFO_DWARF5=y CONFIG_SECURITY_LOCKDOWN_LSM=y CONFIG_IKCONFIG_PROC=y CONFIG_SLUB=y; do
		grep -qxF "$line" "$build/.config" || die "$name: $line did not survive olddefconfig"
	done
}

# own_kernel NAME DIR: one of ours, with kmemleak.
own_kernel() {
	local name=$1 dir=$2 build=$2/build
	# The build tree is made at its final place: its Makefile names it.
	rm -rf "$dir" && mkdir -p "$build"
	configure "$name" "$build"
	kmake "$name" "$build" bzImage modules_prepare
	kmake "$name" "$build" modules
	mv "$build/vmlinux" "$dir/vmlinux"
	cp "$build/arch/x86/boot/bzImage" "$dir/bzImage"
	find "$build" \( -name '*.o' -o -name '*.a' -o -name '*.cmd' -o -name 'vmlinux*' -o -name '.tmp_*' \) \
		! -path "$build/scripts/*" ! -path "$build/tools/*" -delete
	ln -s ../vmlinux "$build/vmlinux"
}

# debian_kernel: the distribution's own, which has no kmemleak; not installed, only unpacked.
debian_kernel() {
	local package dir part
	package=$(apt-cache depends linux-image-amd64 | awk '/Depends:/ { print $2; exit }')
	[ -n "$package" ] || die "linux-image-amd64 is unknown (try: apt-get update)"
	dir=$cache/$package
	if [ ! -e "$dir/bzImage" ]; then
		part=$(mktemp -d)
		(cd "$part" && chmod 755 . && apt-get download -qq "$package" && dpkg-deb -x ./*.deb unpacked) >&2
		mkdir -p "$dir"
		mv "$part"/unpacked/boot/vmlinuz-* "$dir/bzImage"
		rm -rf "$part"
	fi
	echo "$dir"
}

kernel() {
	local dir
	if [ "$1" = debian-x86_64 ]; then
		debian_kernel
		return
	fi
	dir=$(folder "$1")
	if [ ! -e "$dir/complete" ]; then
		mkdir -p "$cache"
		echo "building the test kernel $1 (about five minutes on two cores)" >&2
		own_kernel "$1" "$dir" >"$dir.log" 2>&1 || { tail -n 30 "$dir.log" >&2; die "$1 did not build: $dir.log"; }
		touch "$dir/complete"
	fi
	echo "$dir"
}

# module NAME SOURCE TARGET: built in a copy, so that the source folder stays clean.
module() {
	local name=$1 source target=$3 dir
	source=$(cd "$2" && pwd)
	dir=$(kernel "$name")
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	find "$source" -maxdepth 1 -type f -exec cp -t "$work" {} +
	MODULE_SOURCE="$work=/usr/src/kmemleak/${source##*/}" \
		kmake "$name" "$dir/build" M="$work" modules >"$work/log" 2>&1 || { cat "$work/log" >&2; die "$source did not build for $name"; }
	mkdir -p "$(dirname "$target")"
	cp "$work"/*.ko "$target"
}

case ${1:-} in
list) printf '%s\n' 6.1-x86_64 6.12-x86_64 6.1-i386 debian-x86_64 ;;
kernel) kernel "$2" ;;
module) module "$2" "$3" "$4" ;;
*) die "usage: kernels.sh list | kernel NAME | module NAME SOURCE TARGET.ko" ;;
esac
