#!/usr/bin/env bash
# Builds the test modules for our kernels anew, runs the tests on these kernels, and
# keeps what the kernels reported as the fixtures of the other tests. What changed by
# that is for a person to read before it is committed.
#
#   fixtures.sh [KERNEL...]   all that make test boots, if none is given
set -euo pipefail
cd "$(dirname "$0")/../.."
kernels=("$@")
if [ $# -eq 0 ]; then
	mapfile -t kernels < <(internal/kernels/kernels.sh list | grep -v '^debian-')
fi
for kernel in "${kernels[@]}"; do
	for source in testdata/modules/*/Kbuild; do
		source=${source%/Kbuild}
		module=$(sed -n 's/^obj-m := \(.*\)\.o$/\1/p' "$source/Kbuild")
		internal/kernels/kernels.sh module "$kernel" "$source" "$source/$kernel/$module.ko"
	done
done
captures=$(mktemp -d)
trap 'rm -rf "$captures"' EXIT
# The tests that compare with the old fixtures fail here, when there is a reason to
# make new ones.
CAPTURE=$captures internal/kernels/integration.sh "${kernels[@]}" || echo "fixtures.sh: make integration has to pass with the new ones" >&2
mv "$captures"/failure-*.txt kmemleaktest/testdata/
mv "$captures"/*.txt "$captures"/*.modules.json testdata/reports/
mv "$captures"/*.kmsg "$captures"/*.dmesg testdata/kmsg/
go test . -update
