#!/usr/bin/env bash
# `make test` for root: every rung, the weakest first, and at its end a table of where
# the minutes went. Beside them, with what they leave of the processors, the
# cluster's tools and the images are built; the scenarios wait for both.
set -euo pipefail
cd "$(dirname "$0")/../.."

log=target/test
rm -rf "$log"
mkdir -p "$log"
export CARGO_INCREMENTAL=0 # what a second build would save is not worth the first one's time

rungs() { # LANE NAME...: makes one after the other until one fails; notes the seconds of each
  local lane=$1 began
  shift
  for name; do
    began=$EPOCHSECONDS
    make --no-print-directory "$name" || return
    echo "$name $((EPOCHSECONDS - began))" >>"$log/$lane"
  done
}

began=$EPOCHSECONDS
rungs first preflight

set -m # a group of its own, so that all of it ends with this
rungs beside images simtee test-images reproducible tools >"$log/beside.log" 2>&1 &
beside=$!
set +m
renice --priority 19 --pgrp "$beside" >/dev/null
trap 'kill -- "-$beside" 2>/dev/null || true' EXIT

rungs first fmt clippy unit-build unit wasm deny fuzz
kill -0 "$beside" 2>/dev/null && echo 'images     waiting for tools and images, which are built beside the other rungs'
waited=$EPOCHSECONDS
wait "$beside" || { cat "$log/beside.log" >&2; exit 1; }
trap - EXIT
grep -E '^(image|reproducible) ' "$log/beside.log" || true
echo "waiting $((EPOCHSECONDS - waited))" >>"$log/first"

rungs first e2e

awk -v all=$((EPOCHSECONDS - began)) '
  function row(seconds, name, remark) { printf "  %3d:%02d   %-14s%s\n", seconds / 60, seconds % 60, name, remark }
  BEGIN { print "\nminutes    where they went (docs/ci.md)" }
  { row($2, $1, FILENAME ~ /beside$/ ? "beside the others" : "") }
  END { row(all, "in all", "") }' "$log/first" "$log/beside"
