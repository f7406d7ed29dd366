#!/bin/sh
# Finds the commit that brought a leak of a kernel module, as git bisect runs it:
#
#	git bisect start BAD GOOD
#	BUILD='make -C /lib/modules/6.12/build M=$PWD modules' BOOT=./boot.sh \
#		git bisect run bisect.sh 204e79c54e2fb69d
#
# The argument is the leak's fingerprint, as kmemleak find shows it on the bad commit. BUILD
# builds the module. BOOT boots a kernel with it, runs there what its arguments say, prints
# what that prints, and exits with its status.
#
# A commit that does not build, and a boot in which nobody can look, are skipped (125): a
# bisection takes all other statuses for an answer. So an answer of BOOT counts only if it
# has printed one: a shell and QEMU exit with 1 or 0 for reasons of their own. A wrong
# command line ends the bisection (255).
if [ $# != 1 ] || [ -z "${BUILD-}" ] || [ -z "${BOOT-}" ]; then
	echo "usage: BUILD=COMMAND BOOT=COMMAND git bisect run bisect.sh FINGERPRINT" >&2
	exit 255
fi
leak=$1
sh -c "$BUILD" >&2 || exit 125
output=$($BOOT kmemleak find -status bisect -leak "$leak" -- insmod module.ko)
status=$?
printf '%s\n' "$output"
case $status:$output in
0:*"no leaks"* | 1:*"fingerprint $leak"* | 125:* | 255:*) exit $status ;;
esac
echo "bisect.sh: $BOOT exited with $status and no answer of kmemleak: skipped" >&2
exit 125
