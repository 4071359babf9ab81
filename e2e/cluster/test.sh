#!/usr/bin/env bash
# `make test` for root: every rung, the weakest first. The cluster's tools are built
# meanwhile with what the other rungs leave of the processors; the last rung waits
# for them.
set -euo pipefail
cd "$(dirname "$0")/../.."
make=(make --no-print-directory)

"${make[@]}" preflight
log=target/tools.log
mkdir -p target
# A group of its own, so that all of it ends with this.
setsid nice -n 19 e2e/cluster/tools.sh >"$log" 2>&1 &
tools=$!
trap 'kill -- "-$tools" 2>/dev/null || true' EXIT

"${make[@]}" check
if kill -0 "$tools" 2>/dev/null; then
  echo 'tools      waiting for the cluster, which is being built meanwhile'
fi
wait "$tools" || { cat "$log" >&2; exit 1; }
trap - EXIT

"${make[@]}" e2e
