# Hooks for suites of tests in any shell, busybox' included, as blktests and others have
# them: one before a test and one after it.
#
#	. ./kmemleak.sh
#	kmemleak_before
#	./test
#	kmemleak_after || echo "test: status $?"
#
# Both return 0 for no leaks, 1 for leaks and 2 where they could not look, which must
# never count as a pass: the text then says why. What kmemleak_after finds was allocated
# since kmemleak_before, by whomever. It takes six seconds; a suite of many short tests
# looks once, with kmemleak_test around each test and kmemleak_suite at the end.
#
# KMEMLEAK_FLAGS are flags for kmemleak find, such as "-module nvme -suppress known".

# kmemleak_before: call it before a test.
kmemleak_before() {
	kmemleak_cursor=
	kmemleak_cursor=$(kmemleak mark) || { kmemleak_cursor= && return 2; }
}

# kmemleak_after: call it after the test. The leaks are written to standard output.
kmemleak_after() {
	[ -n "${kmemleak_cursor-}" ] || {
		echo "kmemleak: could not look: kmemleak_before has failed, or was not called" >&2
		return 2
	}
	# shellcheck disable=SC2086 # words
	kmemleak find -since "$kmemleak_cursor" ${KMEMLEAK_FLAGS-}
	kmemleak_status $?
}

# kmemleak_test WINDOWS COMMAND...: run a test, and remember when it ran in the file
# WINDOWS. Returns what the test returns, or 2.
kmemleak_test() {
	kmemleak_windows=$1
	shift
	kmemleak_before || return
	kmemleak_result=0
	"$@" || kmemleak_result=$?
	kmemleak_end=$(kmemleak mark) || return 2
	echo "$1 $kmemleak_cursor $kmemleak_end" >>"$kmemleak_windows"
	return "$kmemleak_result"
}

# kmemleak_suite WINDOWS: look once for the leaks of all tests, each with its test.
kmemleak_suite() {
	# The name of a test may have blanks.
	read -r kmemleak_cursor <"$1" || {
		echo "kmemleak: could not look: no test ran" >&2
		return 2
	}
	kmemleak_cursor=${kmemleak_cursor% *}
	kmemleak_cursor=${kmemleak_cursor##* }
	# shellcheck disable=SC2086 # words
	kmemleak find -since "$kmemleak_cursor" -windows "$1" ${KMEMLEAK_FLAGS-}
	kmemleak_status $?
}

# kmemleak_status STATUS: 0 and 1 as they are, and 2 for everything else, such as a
# program that is not there or was killed.
kmemleak_status() {
	case $1 in
	0 | 1) return "$1" ;;
	*) return 2 ;;
	esac
}
