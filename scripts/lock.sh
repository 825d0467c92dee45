#!/usr/bin/env bash
# Rewrites the two locks from pyproject.toml. Pins that still fit are kept; UPGRADE=1 takes the
# newest release of everything. Needs uv: `make lock` runs it with the one in .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
uv=${UV:-.venv/bin/uv}

# The project is installed without build isolation, so the build backend is pinned too.
build_requires() {
  "$python" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
}

compile() { # compile OUTPUT [UV ARGUMENT...]
  local output=$1
  shift
  build_requires | "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-strip-extras --no-emit-index-url --no-header --annotation-style line \
    ${UPGRADE:+--upgrade} --output-file "$output" "$@" pyproject.toml -
}

compile requirements.lock
# The same versions as at run time, plus the tools.
compile requirements-dev.lock --constraint requirements.lock --extra dev
