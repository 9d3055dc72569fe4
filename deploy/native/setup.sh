#!/bin/sh
# Installs what a checkout needs: Mosquitto and Python's venv by apt where they are missing
# and we are root, everything else with hashes into .venv. Quick when there is nothing to do.
set -eu

fail() {
    echo "setup: $1" >&2
    exit 78
}

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if command -v "$name" >/dev/null && "$name" -c \
            'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; then
            echo "$name"
            return
        fi
    done
}

has_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

has_mosquitto() {
    PATH="$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
    command -v mosquitto >/dev/null && command -v mosquitto_sub >/dev/null
}

# The mongod of the wheel is linked against it.
has_libcurl() {
    PATH="$PATH:/usr/sbin:/sbin"
    ! command -v ldconfig >/dev/null || ldconfig -p | grep -q 'libcurl\.so\.4'
}

# Installing a server in Debian starts it, which nobody asked for: it would take port 1883.
# policy-rc.d is what Debian has against that; it is taken away again, and so is the start
# at the next boot.
apt_install() {
    policy=/usr/sbin/policy-rc.d
    ours=
    if [ ! -e "$policy" ]; then
        ours=yes
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086  (a list of packages)
    apt-get install -y -qq --no-install-recommends $1 >/dev/null
    if [ -n "$ours" ]; then
        rm -f "$policy"
        trap - EXIT
    fi
    case $1 in
        *mosquitto*) systemctl disable --quiet mosquitto 2>/dev/null || true ;;
    esac
}

missing=
has_mosquitto || missing="mosquitto mosquitto-clients"
has_libcurl || command -v mongod >/dev/null || missing="$missing libcurl4"
python=$(find_python)
if [ -z "$python" ]; then
    missing="$missing python3 python3-venv"
elif ! has_venv "$python"; then
    missing="$missing python3-venv"
fi
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing $missing" >&2
        apt_install "$missing"
        has_mosquitto || fail "apt-get did not install Mosquitto"
        python=$(find_python)
    else
        fail "install these first: $missing (on Debian: sudo apt-get install $missing)"
    fi
fi
[ -n "$python" ] || fail "Python 3.11 to 3.13 is needed; name one with PYTHON=..."

key=$(cat requirements/dev.txt pyproject.toml | sha256sum | cut -c 1-16)
stamp=.venv/.setup-$key
if [ ! -e "$stamp" ] || ! .venv/bin/python -c '' 2>/dev/null; then
    echo "setup: installing Python packages into .venv" >&2
    [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null || "$python" -m venv --clear .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
        --require-hashes -r requirements/dev.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
        --no-deps --no-build-isolation --editable .
    rm -f .venv/.setup-*
    touch "$stamp"
fi
sh deploy/native/nodesets.sh
sh deploy/native/web.sh
