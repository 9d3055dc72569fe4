#!/bin/sh
# Compiles one requirements file: lock.sh FILE OPTION...
set -eu
output=requirements/$1
shift
.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
    --custom-compile-command "make lock" "$@" pyproject.toml --output-file "$output"
echo "$output"
