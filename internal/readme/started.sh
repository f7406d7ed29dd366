#!/usr/bin/env bash
# Runs docs/getting-started.md as its reader would, with a test kernel in place of the one
# that he builds: the page's commands, one after the other, have to print what the page
# shows. The options that it and examples/ci/github.yml set have to be in that kernel's
# configuration.
#
#   started.sh FOLDER    as of kernels.sh kernel 6.12-x86_64
set -euo pipefail
kernel=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
page=$PWD/docs/getting-started.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "getting-started.md: $*" >&2; exit 1; }

CGO_ENABLED=0 GOBIN=$work/bin go install ./cmd/kmemleak
cp testdata/modules/hello_kernel/6.12-x86_64/hello-kernel.ko "$work/"

options=0
while read -r state option; do
	options=$((options + 1))
	config=$(grep -E "^(# )?CONFIG_${option}[ =]" "$kernel/build/.config") || fail "no option CONFIG_$option"
	[ "$state" = -d ] || [ "$config" = "CONFIG_$option=y" ] || fail "the test kernel has $config"
done < <(grep -ohE -- '-[ed] [A-Z_0-9]+' "$page" examples/ci/github.yml)
[ "$options" -ge 10 ] || fail "only $options options found"

# What is indented is a command, or, further in, what is printed. The kernel is built
# already; virtme-ng is not in Debian 12.
grep -oP '^    \K.*' "$page" | grep -vE '^(\./scripts/config|make|vng) ' >"$work/all"
grep -E '^  [0-9]+ leaks?, ' "$work/all" >"$work/want"
grep -vFx -f "$work/want" "$work/all" >"$work/script"
grep -q '^qemu-system-x86_64 ' "$work/script" || fail "no command boots the kernel"
# shellcheck disable=SC2016 # backquotes of the page
grep -oE '`exit status [0-9]`' "$page" | tr -d '`' >>"$work/want"
echo "exit status with known leaks 0" >>"$work/want"
(cd "$work" && KERNEL=$kernel/image PATH=$work/bin:$PATH timeout 300 bash -euo pipefail script </dev/null >out 2>&1) || fail "$(tail -n 30 "$work/out")"
sed -i 's/\r//g; s/\x1b\[[0-9;]*m//g' "$work/out"
while IFS= read -r line; do
	grep -qF -- "$line" "$work/out" || fail "\"$line\" was not printed: $(tail -n 60 "$work/out")"
	echo "getting-started.md: $line"
done <"$work/want"
