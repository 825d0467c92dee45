#!/usr/bin/env bash
# Rewrites the two locks from pyproject.toml, that of scripts/audit.in and those of bench/rivals. Pins that still fit are
# kept; UPGRADE=1 takes the newest release of everything. Needs uv: `make lock` runs it with the one
# in .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
uv=${UV:-.venv/bin/uv}

# The project is installed without build isolation, so the build backend is pinned too.
build_requires() {
  "$python" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
}

pin() { # pin OUTPUT [UV ARGUMENT...]
  local output=$1
  shift
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-strip-extras --no-emit-index-url --no-header --annotation-style line \
    ${UPGRADE:+--upgrade} --output-file "$output" "$@"
}

build_requires | pin requirements.lock --extra objectstore pyproject.toml -
# For machines of a Ray cluster and the one that computes on it.
build_requires | pin requirements-ray.lock --constraint requirements.lock --extra objectstore --extra ray pyproject.toml -
# The same versions as at run time, plus the tools.
build_requires | pin requirements-dev.lock --constraint requirements.lock --extra dev pyproject.toml -
pin scripts/audit.lock scripts/audit.in
# What `bench.sync` is compared with, each by itself: they do not go together.
for rival in sdk tap dlt; do
  pin "bench/rivals/$rival.lock" "bench/rivals/$rival.in"
done
