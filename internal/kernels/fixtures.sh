#!/usr/bin/env bash
# Builds the test modules for all of our kernels anew, runs the tests on these
# kernels, and keeps what the kernels reported as the fixtures of the other tests.
# What changed by that is for a person to read before it is committed.
set -euo pipefail
cd "$(dirname "$0")/../.."
for file in testdata/modules/*/*/*.ko; do
	kernel=${file%/*} kernel=${kernel##*/}
	source=${file%/*/*}
	if [ -e "$source/Kbuild" ]; then
		internal/kernels/kernels.sh module "$kernel" "$source" "$file"
	fi
done
captures=$(mktemp -d)
trap 'rm -rf "$captures"' EXIT
# The tests that compare with the old fixtures fail here, when there is a reason to
# make new ones.
CAPTURE=$captures internal/kernels/integration.sh || echo "fixtures.sh: make integration has to pass with the new ones" >&2
mv "$captures"/failure-*.txt kmemleaktest/testdata/
mv "$captures"/*.txt "$captures"/*.modules.json testdata/reports/
mv "$captures"/*.kmsg testdata/kmsg/
go test . -update
