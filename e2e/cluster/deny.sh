#!/usr/bin/env bash
# Checks the dependency tree against deny.toml: bans, licenses, sources; advisories
# too, where their database can be reached. Builds cargo-deny once, into
# ${CDVM_CACHE:-<repo>/.cache}/cargo.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=0.20.2
cache=${CDVM_CACHE:-$PWD/.cache}
deny=$cache/cargo/bin/cargo-deny
[[ $("$deny" --version 2>/dev/null) == "cargo-deny $version" ]] || {
  echo "deny       building cargo-deny $version: 1 to 3 minutes, once"
  # Not optimised: building it takes longer than all it does here.
  cargo install --quiet --locked --debug --root "$cache/cargo" --version $version cargo-deny
}

# --hide-inclusion-graph: the graph of a duplicate says nothing here.
"$deny" --log-level error check --hide-inclusion-graph bans licenses sources
# The peer of evidence's bench is a workspace of its own, shipped nowhere: it may
# have what ours bans, OpenSSL.
"$deny" --log-level error --config deny.toml --manifest-path evidence/differential/openssl/Cargo.toml check --hide-inclusion-graph licenses sources
echo 'deny       bans, licenses and sources hold'

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if timeout 120 "$deny" --log-level error fetch db >"$log" 2>&1; then
  "$deny" --log-level error check --hide-inclusion-graph --disable-fetch advisories
  echo 'deny       no advisory without a reason in deny.toml'
else
  echo 'deny       advisories NOT checked: their database cannot be reached from here'
fi
