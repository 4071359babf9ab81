#!/usr/bin/env bash
# Builds every program as a static binary and packs each into an image of its own,
# reproducibly and without docker. Writes below target/images:
#
#   NAME/          OCI layout; the image holds this one binary and nothing else
#   images.env     NAME=localhost:5000/name@sha256:… for each image
#   cdvm, cdvm-kbs the customer's command and the owner's, static
# and fills the digests of the examples into target/examples/*/service.yaml.
set -euo pipefail
export LC_ALL=C
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
out=$target/images
registry=localhost:5000 # where demo and tests push to; not part of the digest
triple=x86_64-unknown-linux-musl

# The same bytes in any directory: no path of this machine stays in a binary.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
remap="--remap-path-prefix=$root=/src --remap-path-prefix=$cargo_home=/cargo"
for index in "$cargo_home"/registry/src/*; do
  [[ ! -d $index ]] || remap+=" --remap-path-prefix=$index=/crates"
done
export RUSTFLAGS=$remap SOURCE_DATE_EPOCH=0
export CFLAGS_x86_64_unknown_linux_musl="-ffile-prefix-map=$root=/src -ffile-prefix-map=$cargo_home=/cargo"

build() { # PACKAGE: alone, or features of one program would grow another
  cargo build --quiet --locked --profile image --target "$triple" --package "$1"
}

image() { # NAME BINARY PATH_IN_IMAGE ENTRY [ENV]
  local layout=$out/$1 digest
  rm -rf "$layout"
  digest=$("$here/image.sh" --out "$layout" --entry "$4" ${5:+--env "$5"} --user 65534:65534 -- "$target/$triple/image/$2=$3")
  echo "$1=$registry/$1@$digest" >>"$out/images.env.new"
  printf 'image      %-10s %5d kB  %s\n' "$1" $(($(stat -c %s "$target/$triple/image/$2") / 1000)) "${digest:0:19}…"
}

service() { # NAME: fills the digest into the example's service.yaml
  local reference
  reference=$(sed -n "s/^$1=//p" "$out/images.env.new")
  mkdir -p "$target/examples/$1"
  sed "s,image: .*@sha256:0\{64\},image: $reference," "examples/$1/service.yaml" >"$target/examples/$1/service.yaml"
}

packages=("$@") # without names: what users run; probe, rogue and simtee are for scenarios only
((${#packages[@]})) || packages=(agent operator bridge kbs cli analyse redact)

declare -A binary=([cli]=cdvm [kbs]=cdvm-kbs) # where it is not the package's name

mkdir -p "$out"
touch "$out/images.env"
cp "$out/images.env" "$out/images.env.new"
for package in "${packages[@]}"; do
  [[ -e $target/$triple/image/${binary[$package]:-$package} ]] || echo "image      building $package: about a minute, once"
  build "$package"
  sed -i "/^$package=/d" "$out/images.env.new"
  case $package in
    agent) image agent agent /cdvm-agent '["/cdvm-agent"]' ;;
    operator) image operator operator /operator '["/operator"]' ;;
    bridge) image bridge bridge /bridge '["/bridge"]' ;;
    kbs) image kbs cdvm-kbs /cdvm-kbs '["/cdvm-kbs"]' && install -m 755 "$target/$triple/image/cdvm-kbs" "$out/cdvm-kbs" ;;
    simtee) ;; # a program of the host
    cli) install -m 755 "$target/$triple/image/cdvm" "$out/cdvm" ;;
    *) image "$package" "$package" "/$package" "[\"/$package\"]" PATH=/ ;;&
    analyse | redact) service "$package" ;;
  esac
done
mv "$out/images.env.new" "$out/images.env"
