#!/usr/bin/env bash
# Builds the kernels that the integration tests boot, and the test modules that
# they load.
#
#   kernels.sh list                          the kernels' names, one a line
#   kernels.sh kernel NAME                   build NAME if it is not in the cache, print its folder
#   kernels.sh module NAME SOURCE TARGET.ko  build the one module in the folder SOURCE for NAME
#   kernels.sh newest [VERSION]              fetch the source of the newest kernel that Debian
#                                            has in unstable and experimental, or of this version,
#                                            and print the kernel's name
#
# A kernel's folder holds image, which boots, vmlinux and build/, the tree that modules
# are built against; that of debian-x86_64, the distribution's own kernel, holds
# image alone. It lies outside this repository, in $KMEMLEAK_CACHE or the user's cache folder, under a name made
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
arch_of() { case $1 in *-x86_64) echo x86_64 ;; *-i386) echo i386 ;; *-arm64) echo arm64 ;; *) die "unknown kernel $1" ;; esac; }
package_of() { echo "linux-source-${1%-*}"; }

# tools_of ARCH: what the names of its compiler and linker begin with.
tools_of() { case $1 in arm64) echo aarch64-linux-gnu- ;; esac; }

package_version() {
	local fetched
	dpkg-query -W -f='${Version}' "$1" 2>/dev/null && return
	# By newest.
	fetched=$(find "$cache" -maxdepth 1 -name "$1_*" ! -name '*.part' 2>/dev/null | sort -V | tail -n 1)
	[ -n "$fetched" ] && echo "${fetched##*_}" || die "$1 is not installed (try: apt-get install $1)"
}

# newest [VERSION]: the package is not installed; apt, which checks signatures, has lists of its own for it.
newest() {
	local package version dir apt
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work"/{state/lists,cache/archives}/partial
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian %s main\n' \
		sid experimental >"$work/sources.list"
	apt=(-qq -o Dir::State="$work/state" -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache"
		-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root)
	apt-get "${apt[@]}" update >&2
	package=linux-source-${1-}
	[ $# -gt 0 ] || package=$(apt-cache "${apt[@]}" pkgnames linux-source- | sort -V | tail -n 1)
	version=$(apt-cache "${apt[@]}" policy "$package" | awk '/Candidate:/ { print $2 }')
	[ -n "$version" ] || die "Debian has no $package in unstable or experimental"
	dir=$cache/${package}_$version
	if [ ! -d "$dir" ]; then
		rm -rf "$dir.part" && mkdir -p "$dir.part"
		(cd "$work" && apt-get "${apt[@]}" download "$package" >&2)
		dpkg-deb --fsys-tarfile "$work"/*.deb | tar -xO "./usr/src/$package.tar.xz" | tar -xJ -C "$dir.part" --strip-components=1
		mv "$dir.part" "$dir"
	fi
	echo "${package#linux-source-}-x86_64"
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
	local arch package tools key
	arch=$(arch_of "$1")
	tools=$(tools_of "$arch")
	package=$(package_of "$1")
	key=$({
		package_version "$package"
		"${tools}gcc" --version | head -n 1
		"${tools}ld" --version | head -n 1
		configuration "$1"
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
	make -C "$source" O="$build" ARCH="$arch" CROSS_COMPILE="$(tools_of "$arch")" -j"$(nproc)" --no-print-directory \
		KBUILD_BUILD_TIMESTAMP='1970-01-01' KBUILD_BUILD_USER=kmemleak KBUILD_BUILD_HOST=kmemleak \
		KCFLAGS="$maps" KAFLAGS="$maps" "$@"
}

# configuration NAME: what is asked of tinyconfig.
configuration() {
	local file
	for file in common "$(arch_of "$1")" "$1"; do
		[ ! -e "$here/$file.config" ] || cat "$here/$file.config"
	done
}

configure() {
	local name=$1 build=$2 line
	kmake "$name" "$build" tinyconfig
	configuration "$name" >>"$build/.config"
	kmake "$name" "$build" olddefconfig
	# An option that the kernel dropped would test something else than it says.
	for line in CONFIG_DEBUG_KMEMLEAK=y CONFIG_DEBUG_INFO_DWARF5=y CONFIG_SECURITY_LOCKDOWN_LSM=y CONFIG_IKCONFIG_PROC=y CONFIG_SLUB=y CONFIG_PROC_KCORE=y; do
		grep -qxF "$line" "$build/.config" || die "$name: $line did not survive olddefconfig"
	done
}

# own_kernel NAME DIR: one of ours, with kmemleak.
own_kernel() {
	local name=$1 dir=$2 build=$2/build image
	case $name in *-arm64) image=arch/arm64/boot/Image ;; *) image=arch/x86/boot/bzImage ;; esac
	# The build tree is made at its final place: its Makefile names it.
	rm -rf "$dir" && mkdir -p "$build"
	configure "$name" "$build"
	kmake "$name" "$build" "${image##*/}" modules_prepare
	kmake "$name" "$build" modules
	mv "$build/vmlinux" "$dir/vmlinux"
	cp "$build/$image" "$dir/image"
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
	if [ ! -e "$dir/image" ]; then
		part=$(mktemp -d)
		(cd "$part" && chmod 755 . && apt-get download -qq "$package" && dpkg-deb -x ./*.deb unpacked) >&2
		mkdir -p "$dir"
		mv "$part"/unpacked/boot/vmlinuz-* "$dir/image"
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
		# Left of ||, the shell would go on after a command that failed.
		(set -e; own_kernel "$1" "$dir") >"$dir.log" 2>&1 &
		wait $! || { tail -n 30 "$dir.log" >&2; die "$1 did not build: $dir.log"; }
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
list) printf '%s\n' 6.1-x86_64 6.12-x86_64 6.1-i386 6.12-arm64 debian-x86_64 ;;
kernel) kernel "$2" ;;
module) module "$2" "$3" "$4" ;;
newest) shift; newest "$@" ;;
*) die "usage: kernels.sh list | kernel NAME | module NAME SOURCE TARGET.ko | newest [VERSION]" ;;
esac
