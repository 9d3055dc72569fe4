#!/bin/sh
# Installs what only the tests of the web pages need: Chromium with fonts, and the library that
# Playwright's driver is linked against, by apt where they are missing and we are root. Quick
# when they are there.
set -eu

has_chromium() {
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return
    done
    return 1
}

has_libatomic() {
    PATH="$PATH:/usr/sbin:/sbin"
    ! command -v ldconfig >/dev/null || ldconfig -p | grep -q 'libatomic\.so\.1'
}

packages=
has_chromium || packages="chromium fonts-dejavu-core"
has_libatomic || packages="$packages libatomic1"
[ -n "$packages" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "chromium: install these first: $packages (on Debian: sudo apt-get install $packages)" >&2
    exit 78
fi
echo "chromium: installing $packages" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  (a list of packages)
apt-get install -y -qq --no-install-recommends $packages >/dev/null
has_chromium && has_libatomic || {
    echo "chromium: apt-get did not install $packages" >&2
    exit 78
}
