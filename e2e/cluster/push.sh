#!/usr/bin/env bash
# Pushes every built image into the registry of a world. The registry is in memory:
# each world needs its own push.
#
#   push.sh --state DIR
set -euo pipefail
here=$(dirname "$(realpath "$0")")
[[ ${1:-} == --state && -n ${2:-} ]] || { sed -n '2,/^set/{/^#/p}' "$0" >&2 && exit 2; }
images=$(realpath "$here/../../target/images")
while IFS='=' read -r name reference; do
  pushed=$("$here/world.sh" enter --state "$2" -- crane push "$images/$name" "localhost:5000/$name" 2>/dev/null </dev/null)
  [[ $pushed == "$reference" ]] || { echo "push.sh: $name was pushed as $pushed, not as $reference: run make images" >&2 && exit 1; }
done <"$images/images.env"
