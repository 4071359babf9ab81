#!/usr/bin/env bash
# Runs a command inside a world of its own, with every built image in its registry.
# The world ends with the command; its logs stay in target/world-NAME/log.
#
#   with-world.sh NAME COMMAND [ARGUMENT...]
set -euo pipefail
(($# >= 2)) || { sed -n '2,/^set/{/^#/p}' "$0" >&2 && exit 2; }
here=$(dirname "$(realpath "$0")")
cd "$here/../.."
name=$1 && shift
state=$PWD/target/world-$name

trap '"$here/world.sh" down --state "$state"' EXIT
"$here/world.sh" up --state "$state" --runtime target/simtee/simtee --name "cdvm-$name"
"$here/push.sh" --state "$state"
"$here/world.sh" enter --state "$state" -- "$@"
