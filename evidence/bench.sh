#!/usr/bin/env bash
# Speed and size of `evidence` beside the `sev` crate, one core each: prints a
# table and writes evidence.json into the directory given, target/bench if none.
# Needs node, and the target wasm32-unknown-unknown of this toolchain; builds
# OpenSSL once, for the peer's fastest backend.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
output=${1:-$target/bench}
mkdir -p "$output"
peer=$target/sev-openssl
[[ -d $peer ]] || echo 'bench      building OpenSSL for the peer: 2 to 4 minutes, once'
cargo build --quiet --locked --release --manifest-path evidence/differential/openssl/Cargo.toml --target-dir "$peer"
cargo build --quiet --locked --profile image --target wasm32-unknown-unknown -p evidence-wasm
cargo build --quiet --locked --release -p differential --bin bench
taskset --cpu-list 0 "$target/release/bench" "$target/wasm32-unknown-unknown/image/evidence_wasm.wasm" \
  "$peer/release/sev-openssl" "$output/evidence.json"
