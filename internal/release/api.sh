#!/usr/bin/env bash
# Compares the API with that of the last release. What is not compatible must be told
# in CHANGELOG.md, in the section "Unreleased" under "Changed" or "Removed"; from v1.0.0
# on it must not be at all.
set -euo pipefail
cd "$(dirname "$0")/../.."
apidiff=golang.org/x/exp/cmd/apidiff@v0.0.0-20261113113407-e3970619a1a4
module=$(go list -m)

if ! git rev-parse -q --verify HEAD >/dev/null; then
	echo "api: this is no checkout of git, so the last release is not known: not compared"
	exit
fi
tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null) || {
	echo "api: there is no release before this commit: nothing to compare with"
	exit
}
work=$(mktemp -d)
trap 'git worktree remove --force "$work/old" 2>/dev/null || true; rm -rf "$work"' EXIT
# api FOLDER FILE: write the API of a checkout.
api() { (cd "$1" && go run "$apidiff" -m -w "$2" "$module" 2> >(grep -v '^Ignoring internal package ' >&2)); }

git worktree add -q --detach "$work/old" "$tag"
api "$work/old" "$work/old.api"
api . "$work/new.api"
go run "$apidiff" -m -incompatible "$work/old.api" "$work/new.api" 2>/dev/null >"$work/changes"
if [ ! -s "$work/changes" ]; then
	echo "api: compatible with $tag"
	exit
fi
echo "api: not compatible with $tag:"
cat "$work/changes"
case $tag in
v0.*) ;;
*)
	echo "api: a new major version is needed" >&2
	exit 1
	;;
esac
if ! sed -n '/^## Unreleased/,/^## v/p' CHANGELOG.md | grep -qE '^### (Changed|Removed)'; then
	echo "api: CHANGELOG.md does not tell (try: a section Changed or Removed in Unreleased)" >&2
	exit 1
fi
