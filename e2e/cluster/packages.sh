#!/usr/bin/env bash
# Installs the Debian packages that building and the test cluster need, and only
# those whose programs are not here yet, from whatever package they came.
#
#   packages.sh            install what is missing (root)
#   packages.sh --list     name it, one line, and install nothing
set -euo pipefail

# package: a file or command that shows it is there
needed='
  containerd:containerd        runc:runc                 containernetworking-plugins:/usr/lib/cni/bridge
  iptables:iptables            iproute2:ip               conntrack:conntrack
  ethtool:ethtool              socat:socat               procps:pgrep
  musl-tools:musl-gcc          clang:clang               llvm:llvm-ar
  g++:g++
  openssl:openssl              ca-certificates:/etc/ssl/certs/ca-certificates.crt'
# clang and llvm-ar: C code compiled to wasm32. g++: fuzzing. socat: kubectl port-forward.

missing=()
for pair in $needed; do
  command -v "${pair#*:}" >/dev/null || [[ -e ${pair#*:} ]] || missing+=("${pair%%:*}")
done
if [[ ${1:-} == --list ]]; then
  echo "${missing[*]}"
  exit
fi
((${#missing[@]})) || exit 0

echo "packages   installing ${missing[*]}"
work=$(mktemp -d)
trap 'rm -rf "$work" ${ours:+"$ours"}' EXIT
policy=/usr/sbin/policy-rc.d # asked by Debian's package scripts before they start a service; 101 means no
if [[ ! -e $policy ]]; then
  ours=$policy
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
fetch() { # --no-remove: Docker's containerd.io and Debian's runc exclude each other; better to fail than to take one away
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends --no-remove "${missing[@]}"
}
{ fetch || { apt-get update && fetch; }; } >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  echo "packages   could not install ${missing[*]}: see above; install them by hand and try again" >&2
  exit 1
}
