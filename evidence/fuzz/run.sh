#!/usr/bin/env bash
# Fuzzes every parser of `evidence` for SECONDS each (60 if not given), starting
# from the kept corpus; with --keep, what was found is merged into it. Runs on the
# stable compiler: needs a C++ compiler, installs nothing. Ends with an error at
# the first panic, or at a parser that holds more than a megabyte; the input then
# lies in target/fuzz/findings.
set -euo pipefail
seconds=${1:-60}
keep=${2:-}
cd "$(dirname "$0")/../.."
host=$(rustc -vV | sed -n 's/^host: //p')
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz

# What cargo-fuzz passes, without the sanitizers that need a nightly compiler.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage+=" -Cllvm-args=-sanitizer-coverage-pc-table"
RUSTFLAGS="--cfg fuzzing $coverage -Ccodegen-units=1 -Cdebug-assertions" \
    cargo build --quiet --locked --release --target "$host" --target-dir "$target" \
    -p evidence-fuzz --bins

for name in report json certificate revocation chain tdx-quote tdx-collateral firmware; do
    found=$target/found/$name
    corpus=evidence/fuzz/corpus/$name
    mkdir -p "$found" "$target/findings"
    echo "== $name, $seconds s"
    program=$target/$host/release/$name
    # Longer than any parser reads, 64 KiB and a little; but for collateral, whose
    # parts have a third of it.
    "$program" -max_total_time="$seconds" -max_len=70000 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$target/findings/$name-" "$found" "$corpus" 2>"$target/$name.log" || {
        tail -n 30 "$target/$name.log"
        exit 1
    }
    grep -E 'number_of_executed_units|peak_rss_mb' "$target/$name.log"
    if [[ $keep == --keep ]]; then
        "$program" -merge=1 -max_len=70000 "$corpus" "$found" 2>>"$target/$name.log"
        # The smallest are enough to start from, and a tree people read stays small.
        find "$corpus" -type f ! -name 'seed-*' -printf '%s %p\n' | sort -n | tail -n +61 |
            cut -d' ' -f2- | xargs -r rm
    fi
done
