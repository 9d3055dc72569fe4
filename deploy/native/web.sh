#!/bin/sh
# Puts the scripts of others that the portal serves into a folder:
#   sh deploy/native/web.sh [FOLDER]    (.venv/share/voxtrude/web)
# They come from the npm package that deploy/web pins. Quick when they are there.
set -eu

FILES="uPlot.iife.min.js uPlot.min.css"

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/deploy/web
folder=${1:-$root/.venv/share/voxtrude/web}
pin=$(cat "$here/package-lock.json" "$0" | sha256sum | cut -c 1-16)

installed() {
    grep -qs "pin $pin\$" "$folder/SHA256SUMS" &&
        (cd "$folder" && sha256sum --check --status SHA256SUMS)
}

installed && exit
echo "web: installing into $folder" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work"
(cd "$work" && sh "$root/deploy/native/npm.sh" ci --omit=dev --ignore-scripts --loglevel=error >/dev/null)
package=$work/node_modules/uplot
version=$(sed -n 's/^ *"version": *"\(.*\)".*/\1/p' "$package/package.json")
mkdir -p "$folder"
for file in $FILES; do
    cp "$package/dist/$file" "$folder"
done
cp "$package/LICENSE" "$folder/LICENSE.uPlot"
# The list last: what it names is there.
(
    cd "$folder"
    echo "# uplot $version, pin $pin"
    # shellcheck disable=SC2086  (a list of files)
    sha256sum $FILES LICENSE.uPlot
) >"$work/SHA256SUMS"
cp "$work/SHA256SUMS" "$folder"
