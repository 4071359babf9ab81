#!/usr/bin/env bash
# Builds the examples' images a second time, from a copy in another directory, and
# compares: the same sources give the same digests.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
cd "$here/../.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z | xargs -0 cp --parents --no-dereference --target-directory "$copy"
first=$(grep -E '^(analyse|redact)=' target/images/images.env | sort)
(unset CARGO_TARGET_DIR && "$copy/e2e/cluster/images.sh" analyse redact >/dev/null)
second=$(sort "$copy/target/images/images.env")
[[ -n $first && $first == "$second" ]] || {
  printf 'reproducible.sh: the digests differ; here:\n%s\nin another directory:\n%s\n' "$first" "$second" >&2
  exit 1
}
echo 'image      the examples have the same digests when built in another directory'
