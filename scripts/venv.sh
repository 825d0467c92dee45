#!/usr/bin/env bash
# venv.sh FOLDER: makes a virtual environment with $PYTHON, else the first Python >= 3.11 found.
set -euo pipefail

new_enough() {
  command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

choose() {
  if [[ -n ${PYTHON:-} ]]; then
    new_enough "$PYTHON" && echo "$PYTHON"
    return
  fi
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

if ! python=$(choose); then
  found=$("${PYTHON:-python3}" --version 2>&1 || true)
  echo "Python 3.11 or newer is needed; ${PYTHON:-python3} is: ${found:-missing}." >&2
  echo "Install one, then name it: make PYTHON=/path/to/python3.12 ..." >&2
  exit 1
fi

echo "Creating $1 with $("$python" --version) ..."
if ! "$python" -m venv "$1"; then
  rm -rf "$1"
  echo "The venv module does not work; on Debian and Ubuntu: apt-get install python3-venv" >&2
  exit 1
fi
