#!/usr/bin/env bash
# Runs every command of README.md, and of the documents beside it that are for new users,
# in a fresh clone, as a new user would. Those that need a kernel with kmemleak have to
# say here that they could not look; make integration runs the same on real kernels, and
# what docs/getting-started.md does there.
set -euo pipefail
cd "$(dirname "$0")/../.."
unset KMEMLEAK # a user has not set it
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if git rev-parse HEAD >/dev/null 2>&1; then
	git clone -q . "$work/checkout"
else # an exported tree
	mkdir "$work/checkout"
	tar -c --exclude ./bin . | tar -x -C "$work/checkout"
fi
cd "$work/checkout"
mkdir "$work/bin" "$work/user"
export GOBIN=$work/bin PATH=$work/bin:$PATH
cp testdata/reports/hello_kernel-6.12-x86_64.txt dmesg
(cd "$work/user" && go mod init example.com/user 2>/dev/null && cat > main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	"github.com/kmemleak/kmemleak"
)

func main() { fmt.Println(kmemleak.Parse(strings.NewReader(""))) }
GO
)

# status COMMAND...: the exit status.
status() {
	local status=0
	"$@" >"$work/out" 2>&1 || status=$?
	echo "$status"
}

# expect STATUS COMMAND: run it in a shell.
expect() {
	local got
	got=$(status bash -c "$2")
	# shellcheck disable=SC2053 # a pattern
	if [[ $got != $1 ]]; then
		echo "$document: \"$2\" exits with $got, not $1:" >&2
		cat "$work/out" >&2
		exit 1
	fi
	echo "$2"
}

n=0
while IFS=: read -r document command; do
	n=$((n + 1))
	case $command in
	"make "*) ;; # make test has this as a part, and the release has tests of its own
	"kmemleak is "* | "kmemleak was "* | "kmemleak ended "* | "kmemleak snapshot has "*) ;; # texts of errors
	"go run ./examples/tour"* | "go install "* | "go build "* | "go test ./..."* | "go doc "*) expect 0 "$command" ;;
	"go mod edit "* | "go mod tidy"*) (cd "$work/user" && expect 0 "${command/\/path\/to\/checkout/$work/checkout}") ;;
	"go run ./examples/tensteps "*) expect 1 "$command" ;;
	"dmesg | "*) expect 1 "cat $command" ;; # of a log with leaks, which is here
	"kmemleak symbolize") expect 1 "$command <dmesg" ;;
	"kmemleak pprof") expect 1 "$command <dmesg >leaks.pb.gz" ;;
	"kmemleak explain -format mail") expect 2 "$command <dmesg" ;; # it asks for one of the places
	"kmemleak symbolize "*) command=${command/-snapshot FILE/-snapshot testdata/reports/hello_kernel-6.12-x86_64.modules.json} && command=${command/FOLDER/testdata} && command=${command/FILE/dmesg} && expect 1 "${command/REPORT/dmesg}" ;; # there are leaks in the report
	"kmemleak find"*) expect 2 "timeout 60 ${command/FILE/file}" ;;
	"kmemleak watch"* | "kmemleak mark" | "kmemleak status" | "kmemleak report") expect 2 "timeout 60 $command" ;;
	"kmemleak snapshot") expect '[02]' "$command" ;; # whatever this kernel has
	"kmemleak help"* | "kmemleak completion"*) expect 0 "${command/completion/completion bash}" ;;
	*)
		echo "$document has a command that $0 does not know: $command" >&2
		exit 1
		;;
	esac
done < <(
	# Indented lines, and words between backquotes, that are commands.
	# shellcheck disable=SC2016
	{
		grep -oHP '^    \K(go|make|kmemleak|dmesg) .*' README.md docs/fleet.md
		grep -oHP '`\K(go|kmemleak) [a-z][^`]*(?=`)' README.md docs/fleet.md docs/getting-started.md docs/troubleshooting.md examples/ci/README.md
	} |
		sed 's/  *#.*//'
)
[ "$n" -ge 25 ] || { echo "only $n commands found" >&2; exit 1; }
document=README.md
(cd "$work/user" && expect 0 "go run .")
