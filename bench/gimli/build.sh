#!/usr/bin/env bash
# Builds the peer with Debian's compiler and crates in the folder that is named, and
# prints the path of the program.
set -euo pipefail

cd "$(dirname "$0")"
cp -r Cargo.toml src "$1" # Cargo writes beside its files
cd "$1"
RUSTC=/usr/bin/rustc /usr/bin/cargo build --release --offline --quiet --target-dir target \
	--config 'source.crates-io.replace-with="debian"' \
	--config 'source.debian.directory="/usr/share/cargo/registry"' >&2
echo "$1/target/release/gimli-frames"
