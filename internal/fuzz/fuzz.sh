#!/usr/bin/env bash
# Runs every fuzz target of the module, as many at a time as there are processors.
#
#   fuzz.sh TIME
#
# Go before 1.27 takes the end of the time for a failure now and then
# (https://go.dev/issue/75804). It is told by the error, which is all that is printed:
# a failure of the target names the input.
set -euo pipefail
cd "$(dirname "$0")/../.."

# over TARGET LOG: nothing but the end of the time was reported.
over() {
	[ "$(grep -c -- '--- FAIL' "$2")" = 1 ] &&
		grep -A 1 "^--- FAIL: $1 " "$2" | tail -n 1 | grep -qx '    context deadline exceeded' &&
		! grep -qE 'Failing input|panic' "$2"
}

# fuzz TIME FOLDER TARGET
fuzz() {
	local log
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	go test -run '^$' -fuzz "^$3\$" -fuzztime "$1" -fuzzminimizetime 5x -parallel 1 "$2" 2>&1 | tee "$log" && return
	over "$3" "$log" || return 255 # with which xargs ends
	echo "$3: the time is over"
}

export -f over fuzz
grep -rE --include='*_test.go' '^func Fuzz' . | sed -E 's|/[^/]*:func (\w+).*| \1|' | sort |
	xargs -P "$(nproc)" -L 1 bash -o pipefail -c 'fuzz "$@"' fuzz "$1"
