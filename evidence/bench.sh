#!/usr/bin/env bash
# Speed and size of `evidence` beside the `sev` crate, one core each: prints a
# table and writes evidence.json into the directory given, target/bench if none.
# Needs node, and the target wasm32-unknown-unknown of this toolchain.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
output=${1:-$target/bench}
mkdir -p "$output"
cargo build --quiet --locked --profile image --target wasm32-unknown-unknown -p evidence-wasm
cargo build --quiet --locked --release -p differential --bin bench
taskset --cpu-list 0 "$target/release/bench" \
    "$target/wasm32-unknown-unknown/image/evidence_wasm.wasm" "$output/evidence.json"
