#!/usr/bin/env bash
# The kept corpus, one archive per target in `corpus/`: hundreds of small files that
# nobody reads stay out of the way of the sources.
#
#   corpus.sh unpack FOLDER   writes each target's inputs to FOLDER/TARGET
#   corpus.sh pack FOLDER     makes an archive of each FOLDER/TARGET; the same
#                             inputs make the same bytes
set -euo pipefail
[[ $# == 2 ]] || {
    sed -n 's/^#   //p' "$0" >&2
    exit 2
}
do=$1
folder=$(realpath -m "$2")
cd "$(dirname "$0")/corpus"
case $do in
unpack)
    for archive in *.tar; do
        into=$folder/${archive%.tar}
        rm -rf "$into"
        mkdir -p "$into"
        tar --extract --file "$archive" --directory "$into"
    done
    ;;
pack)
    for inputs in "$folder"/*/; do
        name=$(basename "$inputs")
        # No names, modes or times of whoever packs; names up to 100 bytes, which the
        # replaying test reads.
        (cd "$inputs" && LC_ALL=C find . -type f -printf '%P\n' | LC_ALL=C sort |
            tar --create --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner \
                --mode=0644 --no-recursion --files-from=-) >"$name.tar.part"
        mv "$name.tar.part" "$name.tar"
    done
    ;;
*)
    sed -n 's/^#   //p' "$0" >&2
    exit 2
    ;;
esac
