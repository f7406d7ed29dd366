#!/usr/bin/env bash
# Fetches a kernel of Debian with its debugging information, a vmlinux and its modules,
# and prints the folder that has them. It is unpacked and kept in $KMEMLEAK_CACHE or the
# user's cache folder.
#
#	debian.sh        the newest of this release: 900 MB to download, 6 GB on the disk
#	debian.sh sid    the newest of sid for clouds: 400 MB to download, 2 GB on the disk
set -euo pipefail

cache=${KMEMLEAK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kmemleak}/debug

die() { echo "debian.sh: $*" >&2; exit 1; }

# The configuration of the system's apt, or that of one which knows nothing but sid.
apt=()
meta=linux-image-amd64-dbg
if [ "${1:-}" = sid ]; then
	meta=linux-image-cloud-amd64-dbg
	lists=$cache/sid
	apt=(-o "Dir::State=$lists" -o "Dir::Cache=$lists" -o "Dir::Etc::SourceList=$lists/sources.list"
		-o Dir::Etc::SourceParts=/dev/null -o Acquire::Check-Valid-Until=false)
	# The first kernel of sid that was fetched stays the one that is measured.
	for dir in "$cache"/linux-image-*-cloud-amd64-dbg/usr/lib/debug/lib/modules/*; do
		[ ! -d "$dir" ] || { echo "$dir"; exit; }
	done
	mkdir -p "$lists/lists/partial" "$lists/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian sid main" >"$lists/sources.list"
	apt-get "${apt[@]}" -qq update >&2
fi

package=$(apt-cache "${apt[@]}" depends "$meta" | awk '/Depends: linux-image/ { print $2; exit }')
[ -n "$package" ] || die "$meta is unknown (try: apt-get update)"
dir=$cache/$package
if [ ! -e "$dir" ]; then
	part=$dir.part
	rm -rf "$part" && mkdir -p "$part"
	echo "fetching $package" >&2
	(cd "$part" && apt-get "${apt[@]}" download -qq "$package" && dpkg-deb -x ./*.deb unpacked) >&2
	mv "$part/unpacked" "$dir"
	rm -rf "$part"
fi
release=${package#linux-image-}
echo "$dir/usr/lib/debug/lib/modules/${release%-dbg}"
