#!/usr/bin/env bash
# Writes an OCI image layout of one layer, without docker, and prints its digest.
#
#   image.sh --out DIR --entry '["/x"]' [--env K=V]... [--user U] -- FILE=PATH_IN_IMAGE[:MODE]...
#
# Guarantee: the same arguments and file contents give the same digest, in any
# directory, at any time. MODE is 755 unless given. `crane push DIR REPOSITORY` uploads it.
set -euo pipefail
export LC_ALL=C
umask 022

out='' entry='' user='' env=()
while (($#)); do
  case $1 in
    --out) out=$2 && shift 2 ;;
    --entry) entry=$2 && shift 2 ;;
    --env) env+=("$2") && shift 2 ;;
    --user) user=$2 && shift 2 ;;
    --) shift && break ;;
    *) sed -n '2,/^set/{/^#/p}' "$0" >&2 && exit 2 ;;
  esac
done
[[ -n $out && -n $entry && $# -gt 0 ]] || { echo 'image.sh: --out, --entry and at least one FILE=PATH are needed' >&2 && exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root" "$work/layout/blobs/sha256"

quoted() { # a JSON string; for the plain text that names and paths are
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}
blob() { # FILE: stores it under its digest; prints the start of its descriptor
  local sum
  sum=$(sha256sum "$1" | cut -d' ' -f1)
  printf '"digest":"sha256:%s","size":%d' "$sum" "$(stat -c %s "$1")"
  mv "$1" "$work/layout/blobs/sha256/$sum"
}

for pair; do
  path=${pair##*=} mode=755
  [[ $path != *:* ]] || mode=${path##*:}
  install -D -m "$mode" "${pair%=*}" "$work/root/${path%:*}"
done
tar --create --file "$work/layer" --directory "$work/root" --format=gnu --sort=name \
  --mtime=@0 --owner=0 --group=0 --numeric-owner .
layer=$(blob "$work/layer")
diff_id=${layer#*:} # uncompressed, so the layer's digest is also its diff id
diff_id=${diff_id%%,*}

variables=''
for pair in ${env[@]+"${env[@]}"}; do variables+=${variables:+,}$(quoted "$pair"); done
printf '{"architecture":"amd64","os":"linux","config":{"Entrypoint":%s,"Env":[%s],"User":%s},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
  "$entry" "$variables" "$(quoted "$user")" "$diff_id" >"$work/config"
config=$(blob "$work/config")

media=application/vnd.oci.image
printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json",%s},"layers":[{"mediaType":"%s.layer.v1.tar",%s}]}' \
  $media $media "$config" $media "$layer" >"$work/manifest"
manifest=$(blob "$work/manifest")
printf '{"schemaVersion":2,"mediaType":"%s.index.v1+json","manifests":[{"mediaType":"%s.manifest.v1+json",%s}]}' \
  $media $media "$manifest" >"$work/layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$work/layout/oci-layout"

[[ ! -e $out || -e $out/oci-layout ]] || { echo "image.sh: $out exists and is no image layout" >&2 && exit 2; }
rm -rf "$out"
mkdir -p "$(dirname "$out")"
cp -r "$work/layout" "$out"
manifest=${manifest#*:\"}
echo "${manifest%%\"*}"
