#!/bin/sh
# Finds the commit that brought a leak of a kernel module, as git bisect runs it:
#
#	git bisect start BAD GOOD
#	BUILD='make -C /lib/modules/6.12/build M=$PWD modules' BOOT=./boot.sh \
#		git bisect run bisect.sh 204e79c54e2fb69d
#
# The argument is the leak's fingerprint, as kmemleak find shows it on the bad commit. BUILD
# builds the module. BOOT boots a kernel with it, runs there what its arguments say, and
# exits with the status of that; where it fails itself, it exits with 125.
#
# A commit that does not build, and a boot in which nobody can look, are skipped (125): a
# bisection takes all other statuses for an answer.
set -u
leak=$1
sh -c "$BUILD" >&2 || exit 125
$BOOT kmemleak find -status bisect -leak "$leak" -- insmod module.ko
status=$?
case $status in
0 | 1 | 125 | 255) exit $status ;;
esac
echo "bisect.sh: $BOOT exited with $status, which is no answer" >&2
exit 125
