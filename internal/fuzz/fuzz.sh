#!/usr/bin/env bash
# Runs every fuzz target of the module.
#
#   fuzz.sh TIME
#
# Go before 1.27 takes the end of the time for a failure now and then
# (https://go.dev/issue/75804). It is told by the error, which is all that is printed:
# a failure of the target names the input.
set -euo pipefail
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# over TARGET: nothing but the end of the time was reported.
over() {
	[ "$(grep -c -- '--- FAIL' "$log")" = 1 ] &&
		grep -A 1 "^--- FAIL: $1 " "$log" | tail -n 1 | grep -qx '    context deadline exceeded' &&
		! grep -qE 'Failing input|panic' "$log"
}

for package in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz'); do
		if ! go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 5x "$package" 2>&1 | tee "$log"; then
			over "$target" || exit 1
			echo "$target: the time is over"
		fi
	done
done
