#!/usr/bin/env bash
# Fuzzes every parser of `evidence` for SECONDS each (60 if not given), starting
# from the kept corpus; with --keep, the corpus becomes the seeds and the fewest
# inputs that reach all the code that they and what was found reach. Runs on the
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

# Inputs are packed: what is found is not written over what is kept.
evidence/fuzz/corpus.sh unpack "$target/corpus"

for name in report json certificate revocation chain tdx-quote tdx-collateral firmware; do
    found=$target/found/$name
    corpus=$target/corpus/$name
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
        kept=$target/kept/$name
        rm -rf "$kept"
        mkdir -p "$kept"
        cp "$corpus"/seed-* "$kept"
        # Code, not how often each piece of it ran: that would keep hundreds.
        "$program" -set_cover_merge=1 -use_counters=0 -max_len=70000 \
            "$kept" "$corpus" "$found" 2>>"$target/$name.log"
        find "$corpus" -type f ! -name 'seed-*' -delete
        # They were written in the order of what each adds. A tree people read stays
        # small: at most 100 of them and 256 kB.
        find "$kept" -type f ! -name 'seed-*' -printf '%T@ %s %p\n' | sort -n |
            awk 'n < 100 && sum + $2 <= 256000 { n++; sum += $2; $1 = $2 = ""; print substr($0, 3) }' |
            xargs -r cp -t "$corpus"
    fi
done
if [[ $keep == --keep ]]; then
    evidence/fuzz/corpus.sh pack "$target/corpus"
fi
