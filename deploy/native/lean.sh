#!/bin/sh
# Imports each service in a virtual environment that holds its own requirements and no more.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
.venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
    --no-build-isolation --wheel-dir "$folder" .
for service in "$@"; do
    case $service in
        broker) module=broker.__main__ ;;
        cli) module=voxtrude.cli.__main__ ;;
        *) module=services.$service.__main__ ;;
    esac
    .venv/bin/python -m venv "$folder/$service"
    "$folder/$service/bin/python" -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r "requirements/$service.txt"
    "$folder/$service/bin/python" -m pip install --quiet --disable-pip-version-check \
        --no-deps "$folder"/voxtrude-*.whl
    # From elsewhere, so that the checkout is not on the path.
    (cd "$folder" && "$folder/$service/bin/python" -c "import $module")
    echo "$service: imports with its own requirements alone"
done
