#!/usr/bin/env bash
# Fetches Debian's newest kernel of this release with its debugging information, a
# vmlinux and some 4,000 modules, and prints the folder that has them. It is
# unpacked and kept in $KMEMLEAK_CACHE or the user's cache folder: 900 MB to download,
# 6 GB on the disk.
set -euo pipefail

cache=${KMEMLEAK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kmemleak}/debug

die() { echo "debian.sh: $*" >&2; exit 1; }

package=$(apt-cache depends linux-image-amd64-dbg | awk '/Depends:/ { print $2; exit }')
[ -n "$package" ] || die "linux-image-amd64-dbg is unknown (try: apt-get update)"
dir=$cache/$package
if [ ! -e "$dir" ]; then
	part=$dir.part
	rm -rf "$part" && mkdir -p "$part"
	echo "fetching $package" >&2
	(cd "$part" && apt-get download -qq "$package" && dpkg-deb -x ./*.deb unpacked) >&2
	mv "$part/unpacked" "$dir"
	rm -rf "$part"
fi
release=${package#linux-image-}
echo "$dir/usr/lib/debug/lib/modules/${release%-dbg}"
