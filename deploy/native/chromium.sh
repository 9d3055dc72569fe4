#!/bin/sh
# Installs what only the tests of the web pages need: Chromium with fonts, by apt where it is
# missing and we are root. Quick when it is there.
set -eu

has_chromium() {
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return
    done
    return 1
}

has_chromium && exit
packages="chromium fonts-dejavu-core"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "chromium: install it first (on Debian: sudo apt-get install $packages)" >&2
    exit 78
fi
echo "chromium: installing $packages" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  (a list of packages)
apt-get install -y -qq --no-install-recommends $packages >/dev/null
has_chromium || {
    echo "chromium: apt-get did not install it" >&2
    exit 78
}
