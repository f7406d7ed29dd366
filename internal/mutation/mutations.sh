#!/usr/bin/env bash
# Breaks one rule of the search for leaks at a time, in a copy of the project, and
# sees that the test that guards it fails. Prints the table of docs/guarantees.md.
#
#   mutations.sh          rules that a simulated kernel can tell
#   mutations.sh KERNEL   rules that take a real one (such as 6.12-x86_64)
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD kernel=${1-} survivors=0
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$copy"

if [ -n "$kernel" ]; then
	goarch=amd64
	[[ $kernel == *-i386 ]] && goarch=386
	[[ $kernel == *-arm64 ]] && goarch=arm64
	(cd internal/vmexec && go build -o ../../bin/vmexec . && CGO_ENABLED=0 GOARCH=$goarch go build -o "../../bin/init-$goarch" ./init)
	image=$(internal/kernels/kernels.sh kernel "$kernel")/image
fi

run() { # TEST PACKAGE
	if [ -z "$kernel" ]; then
		go test -count=1 -timeout 30s -run "$1" "$2"
	else
		local boot=find
		[[ "$2" = ./kmemleaktest || $1 == *DisturbedScan* ]] && boot=
		[[ $1 != *ManyLeaks* ]] || boot=many
		CGO_ENABLED=0 GOARCH=$goarch go test -count=1 -run "$1" -exec "$root/bin/vmexec -kernel $image -init $root/bin/init-$goarch \
			-file $root/testdata/modules/leaky/$kernel/leaky.ko=/leaky.ko -env KMEMLEAK_KERNEL=$kernel -env KMEMLEAK_BOOT=$boot" "$2"
	fi
}

# mutate RULE FILE OLD NEW TEST [PACKAGE]: TEST, in the package of FILE unless said
# otherwise, must fail when OLD, which stands once in FILE, is NEW.
mutate() {
	local rule=$1 file=$2 old=$3 new=$4 test=$5 package=${6-./$(dirname "$2")} output verdict
	cp "$file" "$copy/$file"
	OLD=$old NEW=$new python3 - "$copy/$file" <<'PY'
import os, sys
path, old, new = sys.argv[1], os.environ["OLD"], os.environ["NEW"]
text = open(path).read()
if text.count(old) != 1:
    sys.exit(f"{path}: {old!r} stands there {text.count(old)} times")
open(path, "w").write(text.replace(old, new))
PY
	if output=$(cd "$copy" && run "$test" "$package" 2>&1); then
		verdict="**not noticed**" survivors=$((survivors + 1))
	elif grep -q 'panic: test timed out' <<<"$output"; then
		verdict="$test does not end"
	elif grep -q -- '--- FAIL' <<<"$output"; then
		verdict=$(grep -o -- '--- FAIL: [^ ]*' <<<"$output" | tail -n 1 | sed 's/--- FAIL: //')
	else
		printf '%s\n' "$output" >&2
		verdict="**does not build**" survivors=$((survivors + 1))
	fi
	cp "$file" "$copy/$file"
	echo "| $rule | \`$file\` | $verdict |"
}

echo "| Rule that was broken | in | what failed |"
echo "|---|---|---|"
if [ -z "$kernel" ]; then
	mutate "Objects are waited for until they are old enough" search.go 'if left <= 0 {' 'if true {' TestProtocol
	mutate "The age counts from the end of the work, not from the call" find_law.go 's.options.ended.Add(' 'time.Now().Add(10*time.Millisecond+' TestProtocol
	mutate "As many scans as min_unref_scans asks for" find_law.go 'enough := scansFor(n)' 'enough := scansFor(1)' TestLaw
	mutate "and enough that two may not see a leak" search.go 'hidings = 2' 'hidings = 1' TestLaw
	mutate "Each scan that may report is read after" find_law.go 'if scan >= n {' 'if scan >= enough {' TestLaw
	mutate "The bound is for scans that the law does not need" find_law.go 'enough+maxRounds' 'maxRounds' TestLaw
	mutate "The automatic scan is stopped" find.go 'if automatic {' 'if automatic && false {' TestProtocol
	mutate "and runs again afterwards" find.go 'm.Command(undo, "scan=on")' 'error(nil)' TestProtocol
	mutate "but only if it did before" find.go 'if automatic {' 'if automatic || true {' TestProtocol
	mutate "or if a search that was killed had stopped it" find.go 'if !running && s.machine.WasStopped() {' 'if false {' TestDoubts
	mutate "Scans look at stacks" find.go 'm.Command(ctx, "stack=on")' 'error(nil)' TestStackScan
	mutate "Others are watched from the beginning of the window" find.go 'if s.watch == nil {' 'if true {' TestDuring
	mutate "What cannot be watched is said" find.go 'err := s.watch.err; err != nil' 'err := s.watch.err; false' TestDoubts
	mutate "What one scan does not report is looked for again" find_read.go 'return true
		}
	}
	return false' 'return false
		}
	}
	return false' TestProtocol
	mutate "A reading that differs is repeated until it adds nothing" find_read.go 'const maxPasses = 10' 'const maxPasses = 1' TestProtocol
	mutate "No leak comes twice" find_read.go '!all[id] {' 'true || !all[id] {' TestProtocol
	mutate "The search ends even if readings never agree" find_law.go '(agreed || bound)' '(agreed || bound && false)' TestProtocol
	mutate "A leak that was painted grey tells of a foreign clear" find.go 'if v.Fate == FateCleared {' 'if false {' TestProtocol
	mutate "A scanning thread that runs again tells of interference" find.go 'err == nil && running {' 'err == nil && running && !running {' TestProtocol
	mutate "The last thing is a probe" find.go 'if err := machine.Probe(undo, m); err != nil {
		return fmt.Errorf("kmemleak ended' 'if err := machine.Probe(undo, m); false {
		return fmt.Errorf("kmemleak ended' TestProtocol
	mutate "The end of the context ends a scan" internal/machine/scan_linux.go 'unix.Tgkill(unix.Getpid(), thread, endScan)' '_ = thread' TestWriteUntil
	mutate "and it is no success" internal/machine/scan_linux.go 'case <-written:
			return context.Cause(ctx)' 'case <-written:
			return nil' TestWriteUntil
	mutate "Windows hold over the overflow of a 32-bit counter" option.go 'return w.From <= jiffies || jiffies <= w.To' 'return false' TestWindow
	mutate "Scans look at stacks again after those for suspects" find_law.go 's.machine.Command(context.WithoutCancel(ctx), "stack=on")' 'error(nil)' TestOption
	mutate "What later scans confirm is a leak and no suspect" find_law.go 'return confirmed[identityOf(l)]' 'return confirmed[identityOf(l)] && false' TestOption
	mutate "SLUB's arrays are turned over when objects are old enough" find_law.go 'if err := s.machine.TurnOverSheaves(ctx); err != nil {' 'if false {
		err := error(nil)' TestSheaves
	mutate "What they may still hide is said" find_law.go 's.doubt("%w", err)' '_ = err' TestDoubts
	mutate "Fewer scans than make sure are said" find_law.go 'if hurried {' 'if false {' TestOption
	mutate "A window begins with a turnover" internal/machine/jiffies.go 'm.TurnOver(ctx)' '_ = m' TestMark
	mutate "A scan ends the turnover" internal/machine/scan_linux.go 'endTurnover()' '_ = 0' TestTurnOver
	mutate "A kernel without kmemleak fails the test" kmemleaktest/kmemleaktest.go 'o.skip && isUnavailable(err)' 'isUnavailable(err)' TestVerify
	mutate "KMEMLEAK=require leaves nothing skipped" kmemleaktest/kmemleaktest.go '&& !required()' '' TestVerify
	mutate "Children of the tests do not look" kmemleaktest/main.go 'isFuzzWorker() || isChild(o.detector)' 'false' TestChild
	mutate "Failures are bounded" kmemleaktest/failure.go 'MaxGroups: 5' 'MaxGroups: 0' TestVerify
	mutate "No bytes of a thread's name reach the terminal" leakfmt/text.go '(%q)' '(%s)' Text
	mutate "The whole report is an artifact" kmemleaktest/failure.go 'err := write(file, leaks)' 'err := write(file, nil)' TestVerify
	mutate "Tests that ran in parallel are told of" leakwindow/assign.go 'case 1:' 'default:' TestAssign
	mutate "A subtest's leaks are its own" leakwindow/assign.go 'strings.HasPrefix(inner.Name' 'false && strings.HasPrefix(inner.Name' TestAssign
else
	mutate "Signals do not cut a scan short" internal/machine/scan_linux.go 'set.Val[i] = ^set.Val[i]' 'set.Val[i] = 0' 'TestIntegrationDisturbedScan' .
	mutate "A stop does not, either" internal/machine/scan_linux.go 'case <-cut:' 'case <-make(chan bool):' 'TestIntegrationDisturbedScan' .
	mutate "Other writers are noticed" find.go 'len(others) > 0' 'false' 'TestIntegrationInterfered$'
	mutate "What is not reported again is no leak" find_law.go 's.settle(ctx, now)' 's.settle(ctx, now); for _, seen := range s.seen { now.leaks = append(now.leaks, seen.leak) }' 'TestIntegrationVanished$'
	mutate "Leaks made before are not blamed on the work" find_read.go 'case !o.inTime(l):' 'case false:' 'TestIntegrationFindNewOnly$'
	mutate "Nor leaks of the baseline" find_read.go 'case o.baseline[id]:' 'case false:' 'TestIntegrationFindNewOnly$'
	mutate "Too many leaks are an error" find_read.go 'len(all) >= s.options.limit' 'false' 'TestIntegrationManyLeaks$/^1000$'
	mutate "Without the proof of life there is an error" proof.go 'if !p.found {' 'if false {' 'TestIntegrationNoProof$'
	mutate "Packages wait for each other" internal/machine/lock_linux.go 'err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)' 'err = nil' 'TestIntegrationLock$' .
	mutate "Leaks before the defer statement do not count" kmemleaktest/kmemleaktest.go 's.options = []kmemleak.Option{kmemleak.Since(mark)}
	return s
}

//' 's.options = nil
	return s
}

//' 'TestIntegrationFailure$'
	mutate "Leaks before the program do not count" kmemleaktest/kmemleaktest.go 'return program
}' 'return new(start)
}' 'TestIntegrationSinceStart$'
fi
[ "$survivors" = 0 ] || { echo "$survivors rules are not guarded" >&2; exit 1; }
