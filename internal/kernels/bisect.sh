#!/usr/bin/env bash
# Runs examples/bisect in a real bisection: seven commits of a module, built for a test
# kernel and booted in QEMU. One does not build, in the boot of another nobody can look, and
# one has another leak. git must name the commit that brought the leak.
#
#   bisect.sh KERNEL     (after integration.sh has built bin/vmexec and bin/init-amd64)
set -euo pipefail
cd "$(dirname "$0")/../.."
project=$PWD kernel=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
image=$(internal/kernels/kernels.sh kernel "$kernel")/image
CGO_ENABLED=0 go build -o "$work/kmemleak" ./cmd/kmemleak

# boot.sh COMMAND...: in a guest of this commit.
cat >"$work/boot.sh" <<EOF
#!/bin/sh
[ "\$1" = kmemleak ] || exit 125
shift
# insmod is busybox's there.
exec "$project/bin/vmexec" -kernel "$image" -init "$project/bin/init-amd64" -append="init_on_alloc=1 \$(cat boot 2>/dev/null)" \\
	-file /bin/busybox=/bin/insmod -file "$work/module.ko=/vmexec/package/module.ko" "$work/kmemleak" "\$@"
EOF
chmod +x "$work/boot.sh"

mkdir "$work/repository"
cd "$work/repository"
git init -q -b main
git config user.name bisect
git config user.email bisect@example.org

# source KEEP LOSE OTHER: a module that keeps objects, and loses some of one or two functions.
source() {
	printf 'obj-m += bisected.o\nbisected-y := main.o\n' >Kbuild
	cat >main.c <<EOF
// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#include <linux/module.h>
#include <linux/slab.h>

static void *kept[16];

/* The value is used after the call, so that it is no jump and the function stays in the backtrace. */
static noinline void keep(int i) { kept[i] = kzalloc(192, GFP_KERNEL); }
static noinline bool lose(void) { return kzalloc(192, GFP_KERNEL) != NULL; }
static noinline bool lose_another(void) { return kzalloc(96, GFP_KERNEL) != NULL; }

static int __init start(void)
{
	int i;

	for (i = 0; i < 16; i++) {
		keep(i);
		if ($1 && !lose())
			return -ENOMEM;
		if ($2 && !lose_another())
			return -ENOMEM;
	}
	return 0;
}

static void __exit stop(void)
{
	int i;

	for (i = 0; i < 16; i++)
		kfree(kept[i]);
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("Dual BSD/GPL");
EOF
}
commit() { git add -A && git commit -qm "$1"; }

source 0 0 && commit 'first'
source 0 1 && commit 'another leak'
echo 'what is this' >>main.c && commit 'does not build'
source 0 1 && echo kmemleak=off >boot && commit 'nobody can look'
git rm -q boot && commit 'somebody can look again'
source 1 1 && commit 'the leak'
source 1 0 && commit 'one leak less'

export BUILD="'$project/internal/kernels/kernels.sh' module '$kernel' . '$work/module.ko'" BOOT="$work/boot.sh"
# The fingerprint is what a person would take from the bad commit.
sh -c "$BUILD"
bad=$("$BOOT" kmemleak find -module bisected -format json -- insmod module.ko) || [ $? -eq 1 ]
leak=$(grep '"func":"lose"' <<<"$bad" | head -n 1 | sed 's/.*"fingerprint":"\([0-9a-f]*\)".*/\1/' || true)
[ -n "$leak" ] || { echo "the bad commit does not leak: $bad" >&2; exit 1; }

git bisect start HEAD "$(git rev-list --max-parents=0 HEAD)" >/dev/null
git bisect run "$project/examples/bisect/bisect.sh" "$leak" | tee "$work/log"
found=$(git log -1 --format=%s refs/bisect/bad)
skipped=$(git for-each-ref --format='%(refname)' 'refs/bisect/skip-*' | wc -l)
[ "$found" = 'the leak' ] || { echo "git bisect found: $found" >&2; exit 1; }
[ "$skipped" -gt 0 ] || { echo "no commit was skipped: the bisection proves nothing about that" >&2; exit 1; }
grep -q 'is the first bad commit' "$work/log"
echo "bisect: found, $skipped skipped"
