#!/usr/bin/env bash
# Runs the integration tests on all test kernels, in QEMU.
#
#   integration.sh [KERNEL...]
#
# Each kernel is booted once for each way of booting that its tests ask for, one
# after the other; the kernels take turns on the processors, since most of the tests
# wait for objects to age. In the end every TestIntegration must have passed in one
# boot at least on each of our own kernels. What they captured (reports, records of
# the kernel's log, failures as a user sees them) is copied to the folder CAPTURE, if
# that is set.
set -euo pipefail
cd "$(dirname "$0")/../.."
kernels=internal/kernels/kernels.sh
logs=$(mktemp -d)
capture=${CAPTURE:-$logs}
trap 'rm -rf "$logs"' EXIT

# goarch_of KERNEL: what Go calls its architecture.
goarch_of() { case $1 in *-i386) echo 386 ;; *-arm64) echo arm64 ;; *) echo amd64 ;; esac; }

# slabs KERNEL [BOOT]: what tests that count what is lost need on its command line. SLUB keeps what it allocated last in
# arrays since Linux 7.0, which hide it from kmemleak until others are freed; a cache that is debugged has none.
# The boot that counts what a search finds takes kernels as they are.
slabs() { case $1+${2-} in 6.* | debian-* | *+recall) ;; *) echo slab_debug=P ;; esac; }

# boot KERNEL BOOT PACKAGES [PARAMETERS]: run the tests of these packages that ask
# for this BOOT.
#
# A stale value somewhere in the kernel's memory can hide a leaked object for as
# long as the kernel runs; tests that lose few objects expect no less for that. So a
# boot that fails is made again, once, for the packages that failed, and the last line
# says how many were.
boot() {
	boot_once "$@" && return
	local failed
	failed=$(sed -n 's/^FAIL\t\([^[:space:]]*\).*/\1/p' "$logs/$1.boot" | tr '\n' ' ')
	echo "=== ${2:-(nothing special)}: failed, and is tried once more: ${failed:=$3}"
	echo "$1 ${2:-(nothing special)}" >>"$logs/repeated"
	boot_once "$1" "$2" "$failed" "${4-}"
}

# again COMMAND KERNEL: the same for what boots by itself.
again() {
	"$@" && return
	echo "=== $1: failed, and is tried once more"
	echo "$2 $1" >>"$logs/repeated"
	"$@"
}

boot_once() {
	local kernel=$1 boot=$2 packages=$3 parameters=${4-} goarch image processors=2 files=()
	goarch=$(goarch_of "$kernel")
	image=$("$kernels" kernel "$kernel")/image || return
	[ "$boot" != find ] || processors=4 # more per-CPU memory and idle stacks with stale values
	parameters="$parameters $(slabs "$kernel" "$boot")"
	[ ! -e "testdata/modules/leaky/$kernel" ] ||
		files=(-file "$PWD/testdata/modules/leaky/$kernel/leaky.ko=/leaky.ko" -file /bin/busybox=/bin/busybox \
			-file "$PWD/testdata/modules/hello_kernel/$kernel/hello-kernel.ko=/hello-kernel.ko" \
			-file "$PWD/bin/kmemleak-$goarch=/bin/kmemleak")
	echo "=== ${boot:-(nothing special)}"
	# shellcheck disable=SC2086 # PACKAGES are words
	CGO_ENABLED=0 GOARCH=$goarch go test -p 1 -count=1 -v -timeout 25m -run '^TestIntegration' \
		-exec "$PWD/bin/vmexec -timeout 26m -kernel $image -init $PWD/bin/init-$goarch -processors $processors -append=${parameters// /,} \
			-env KMEMLEAK=require -env KMEMLEAK_KERNEL=$kernel -env KMEMLEAK_BOOT=$boot -out $capture ${files[*]-}" \
		$packages 2>&1 | tee "$logs/$kernel.boot" | tee -a "$logs/$kernel" | grep --line-buffered -vE '^(=== RUN|\s*--- SKIP|    [a-z_]+_test.go:[0-9]+: needs another boot)'
}

# tensteps KERNEL: the example, on a kernel where nothing is prepared for it.
tensteps() {
	local goarch
	goarch=$(goarch_of "$1")
	echo "=== examples/tensteps"
	CGO_ENABLED=0 GOARCH=$goarch go build -o "bin/tensteps-$1" ./examples/tensteps || return
	bin/vmexec -kernel "$("$kernels" kernel "$1")/image" -init "bin/init-$goarch" -debugfs=false -append "$(slabs "$1")" \
		-file "testdata/modules/hello_kernel/$1/hello-kernel.ko=/hello-kernel.ko" \
		"bin/tensteps-$1" /hello-kernel.ko | tee "$logs/tensteps-$1" || return
	grep -q 'hello_init .*/hello.c:' "$logs/tensteps-$1" || { echo "tensteps named no line of hello.c" >&2; return 1; }
}

# memory KERNEL: what is read out of the kernel's memory, live in the guest and from a dump
# of the same moment here.
memory() {
	local kernel=$1 goarch folder dump
	goarch=$(goarch_of "$kernel")
	folder=$("$kernels" kernel "$kernel")
	dump=$(mktemp -d -p "$logs")
	echo "=== memory"
	CGO_ENABLED=0 GOARCH=$goarch go test -count=1 -v -timeout 25m -run '^TestIntegrationMemory$' \
		-exec "$PWD/bin/vmexec -timeout 26m -memory 1G -kernel $folder/image -append=$(slabs "$kernel") -init $PWD/bin/init-$goarch -dump elf=$dump/core \
			-file $folder/vmlinux=/vmlinux -file $PWD/testdata/modules/held/$kernel/held.ko=/held.ko -file $PWD/testdata/modules/leaky/$kernel/leaky.ko=/leaky.ko \
			-env KMEMLEAK=require -env KMEMLEAK_KERNEL=$kernel -env KMEMLEAK_BOOT=memory -out $dump" ./vmcore | tee -a "$logs/$kernel" || return
	KMEMLEAK=require KMEMLEAK_KERNEL=$kernel KMEMLEAK_MEMORY=$dump KMEMLEAK_IMAGE=$folder go test -count=1 -v -timeout 25m -p 1 -run '^TestMemory' ./vmcore ./cmd/kmemleak || return
	rm -rf "$dump"
}

# dump KERNEL: dumps of the kernel's memory, and what the host reads in them.
dump() {
	local goarch folder dumps=$logs/dump-$1
	goarch=$(goarch_of "$1")
	folder=$("$kernels" kernel "$1")
	mkdir -p "$dumps"
	echo "=== dump"
	CGO_ENABLED=0 GOARCH=$goarch go test -count=1 -run '^TestIntegrationLive$' \
		-exec "$PWD/bin/vmexec -memory 256M -kernel $folder/image -init $PWD/bin/init-$goarch -env KMEMLEAK_KERNEL=$1 \
			-dump elf=$dumps/elf -dump kdump-zlib=$dumps/kdump" ./vmcore &&
		KMEMLEAK_DUMP=$dumps KMEMLEAK_IMAGE=$folder KMEMLEAK=require go test -count=1 -v -run '^TestDump$' ./vmcore
}

# all_boots KERNEL: all that is tested on one of our kernels.
all_boots() {
	local kernel=$1 test
	boot "$kernel" "" "$tested"
	boot "$kernel" find .
	# One kernel after the other: it takes all that the processors can do.
	(flock 9 && boot "$kernel" many .) 9>"$logs/many"
	boot "$kernel" recall .
	boot "$kernel" kmemleak=off ". ./kmemleaktest ./cmd/... ./examples/watch ./examples/ci" kmemleak=off
	boot "$kernel" lockdown=integrity . lockdown=integrity
	boot "$kernel" lockdown=confidentiality ./vmcore lockdown=confidentiality
	[[ $kernel == *-i386 ]] || again memory "$kernel" # which is not read
	boot "$kernel" expendable ". ./cmd/kmemleak"
	boot "$kernel" disabled-meanwhile .
	# shellcheck disable=SC2086 # packages are words
	for test in $(go test -list '^TestIntegration' $tested | grep '^TestIntegration'); do
		# The shell of the other machine is busybox, of the host's architecture.
		[[ $kernel != *-x86_64 && $test == TestIntegration@(Remote|Shell)* || $kernel == *-i386 && $test == TestIntegrationMemory ]] ||
			grep -q -- "^--- PASS: $test " "$logs/$kernel" "$logs/debian-x86_64" || { echo "$test did not run" >&2; return 1; }
	done
	again dump "$kernel"
	again tensteps "$kernel"
	if [ "$kernel" = 6.12-x86_64 ]; then
		echo "=== docs/getting-started.md and examples/ci"
		internal/readme/started.sh "$("$kernels" kernel "$kernel")"
		internal/readme/ci.sh "$("$kernels" kernel "$kernel")"
		internal/kernels/bisect.sh "$kernel"
		internal/kernels/remote.sh "$kernel"
	fi
	KMEMLEAK_REPORT=$capture/hello_kernel-$kernel.txt KMEMLEAK_IMAGE=$("$kernels" kernel "$kernel") go test -count=1 -run '^TestImage$' .
}

# The packages that have something to test on a kernel: each is a boot.
tested=$(grep -rl --include='*_test.go' '^func TestIntegration' . | xargs -n 1 dirname | sort -u | tr '\n' ' ')

ours=("$@")
if [ $# -eq 0 ]; then
	mapfile -t ours < <("$kernels" list | grep -v '^debian-')
fi
(cd internal/vmexec && go build -o ../../bin/vmexec .)
for goarch in amd64 386 arm64; do
	(cd internal/vmexec && CGO_ENABLED=0 GOARCH=$goarch go build -o "../../bin/init-$goarch" ./init)
	CGO_ENABLED=0 GOARCH=$goarch go build -tags nonet -o "bin/kmemleak-$goarch" ./cmd/kmemleak # as for an initramfs
done
for kernel in "${ours[@]}"; do
	"$kernels" kernel "$kernel" >/dev/null
done
boot debian-x86_64 debian .
for kernel in "${ours[@]}"; do
	{
		all_boots "$kernel"
		touch "$logs/$kernel.passed"
	} 2>&1 | sed -u "s/^/$kernel: /" | tee "$logs/$kernel.all" &
done
wait
failed=0
for kernel in "${ours[@]}"; do
	[ ! -e "$logs/$kernel.passed" ] || continue
	failed=1
	# Again at the end, since others have gone on meanwhile: what failed, and what came last.
	{
		grep -nE -B 12 -- '--- FAIL|^[^ ]+ FAIL|panic:|did not run|tried once more' "$logs/$kernel.all" | tail -n 60 || true
		tail -n 20 "$logs/$kernel.all"
		echo "$kernel: FAILED"
	} >&2
done
[ "$failed" = 0 ]
touch "$logs/repeated"
echo "boots that failed and were tried once more: $(wc -l <"$logs/repeated")$(sed 's/^/, /' "$logs/repeated" | tr -d '\n')" | tee bin/repeated
