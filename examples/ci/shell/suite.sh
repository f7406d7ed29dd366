#!/bin/sh
# A suite: runs each test with the hooks around it, and says how it went.
#
#	suite.sh TEST...
#
# A test passes if it exits with 0 and nothing is leaked. The suite's exit status is 0
# only if all pass.
. "$(dirname "$0")/kmemleak.sh"
failed=0
for test in "$@"; do
	result=pass
	kmemleak_before
	"$test" || result="fail: exit status $?"
	leaks=$(kmemleak_after 2>&1) || case $? in
	1) result="fail: memory leaks" ;;
	*) result="error: could not look for memory leaks" ;;
	esac
	echo "$(basename "$test"): $result"
	case $result in
	pass) ;;
	*)
		failed=1
		echo "$leaks" | sed 's/^/    /'
		;;
	esac
done
exit $failed
