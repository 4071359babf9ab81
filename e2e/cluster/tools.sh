#!/usr/bin/env bash
# Builds the programs of the test cluster from the pins in go.mod and go.sum into
# ${CDVM_CACHE:-<repo>/.cache}/bin, unless what is there was built from the same.
set -euo pipefail
cd "$(dirname "$0")"

cache=${CDVM_CACHE:-$(realpath ../..)/.cache}
stamp="$(cat go.mod go.sum | sha256sum | cut -d' ' -f1) $(go env GOVERSION)"
[[ $(cat "$cache/bin/.built-from" 2>/dev/null) != "$stamp" ]] || exit 0

echo 'tools      building Kubernetes, etcd, Helm and a registry from source: 5 to 9 minutes, once'
version=$(awk '$1 == "k8s.io/kubernetes" {print $2}' go.mod) # v1.34.4
minor=${version#v1.}
component=k8s.io/component-base/version
mkdir -p "$cache"
fresh=$(mktemp -d "$cache/bin.XXXXXX") # beside bin, so that an interrupted build is never taken for a complete one
trap 'rm -rf "$fresh"' EXIT
# Without these three values every component calls itself v0.0.0-master. -s -w: no symbols, half the size.
CGO_ENABLED=0 go build -trimpath -o "$fresh/" \
  -ldflags "-s -w -X $component.gitVersion=$version -X $component.gitMajor=1 -X $component.gitMinor=${minor%%.*}" tool
mv "$fresh/server" "$fresh/etcd" # Go names a program after its directory
echo "$stamp" >"$fresh/.built-from"
chmod 755 "$fresh"
rm -rf "${cache:?}/bin"
mv "$fresh" "$cache/bin"
