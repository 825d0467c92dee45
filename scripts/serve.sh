#!/usr/bin/env bash
# serve.sh [all|prepare|code|webserver|daemon]: what the container and the systemd units run.
#
#   all        (the default) web server and daemon together, for one machine
#   prepare    brings warehouse and Dagster's tables to this version, and DAGSTER_HOME to its
#              settings; run it before each start of the three below
#   code       the code server: the code, its credentials and every run
#   webserver  the UI; asks the code server at CODE_HOST:CODE_PORT
#   daemon     schedule and sensor; never two of them on one instance
#
# HOST (default 127.0.0.1) and PORT (default 3000) are the web server's. With DAGSTER_POSTGRES_URL
# Dagster keeps its runs in PostgreSQL, without it in SQLite under DAGSTER_HOME.
set -euo pipefail
cd "$(dirname "$0")/.."
role=${1:-all}

export DAGSTER_HOME=${DAGSTER_HOME:-.dagster}
export CODE_HOST=${CODE_HOST:-127.0.0.1} CODE_PORT=${CODE_PORT:-4000}
mkdir -p "$DAGSTER_HOME"
DAGSTER_HOME=$(cd "$DAGSTER_HOME" && pwd)

# An older version's settings are replaced; whole files only, whoever reads meanwhile.
settle() {
  local new parts=(dagster.yaml)
  if [[ ${DAGSTER_POSTGRES_URL:-} == postgresql+psycopg2://* ]]; then
    parts+=(deploy/storage.yaml)
  elif [[ -n ${DAGSTER_POSTGRES_URL:-} ]]; then
    echo "DAGSTER_POSTGRES_URL must begin with postgresql+psycopg2://; with another driver no run can start." >&2
    exit 2
  fi
  new=$(mktemp "$DAGSTER_HOME/.dagster.yaml.XXXXXX")
  cat "${parts[@]}" >"$new"
  chmod 644 "$new"
  mv "$new" "$DAGSTER_HOME/dagster.yaml"
}

address=(-h "${HOST:-127.0.0.1}" -p "${PORT:-3000}")
case $role in
prepare)
  settle
  expansion db upgrade
  exec dagster instance migrate
  ;;
code)
  exec dagster code-server start -h "$CODE_HOST" -p "$CODE_PORT" -m pipeline.definitions
  ;;
webserver) exec dagster-webserver -w deploy/workspace.yaml "${address[@]}" ;;
daemon) exec dagster-daemon run -w deploy/workspace.yaml ;;
all) ;;
*)
  echo "usage: serve.sh [all|prepare|code|webserver|daemon]" >&2
  exit 2
  ;;
esac

stop() {
  trap - TERM INT
  # shellcheck disable=SC2046  # one word per process
  kill $(jobs -p) 2>/dev/null || true
  wait
}
trap 'stop; exit 0' TERM INT
[[ -e $DAGSTER_HOME/dagster.yaml ]] || settle
# Else both make Dagster's tables at their first start, and the slower one ends.
dagster instance migrate
dagster-webserver -w workspace.yaml "${address[@]}" &
dagster-daemon run -w workspace.yaml &
# When one of the two ends, the other must not go on as if all were well.
wait -n || true
echo "The web server or the daemon has ended; stopping." >&2
stop
exit 1
