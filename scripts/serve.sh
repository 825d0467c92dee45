#!/usr/bin/env bash
# serve.sh [all|webserver|daemon]: what the container runs. `all` (the default) is for one machine;
# with Dagster on PostgreSQL, run one webserver and one daemon. Never two daemons on one instance.
# HOST (default 127.0.0.1) and PORT (default 3000) are the web server's.
set -euo pipefail
cd "$(dirname "$0")/.."

host=${HOST:-127.0.0.1}
port=${PORT:-3000}
role=${1:-all}

export DAGSTER_HOME=${DAGSTER_HOME:-.dagster}
mkdir -p "$DAGSTER_HOME"
DAGSTER_HOME=$(cd "$DAGSTER_HOME" && pwd)
[[ -e $DAGSTER_HOME/dagster.yaml ]] || cp dagster.yaml "$DAGSTER_HOME/"

webserver=(dagster-webserver -w workspace.yaml -h "$host" -p "$port")
daemon=(dagster-daemon run -w workspace.yaml)

case $role in
webserver) exec "${webserver[@]}" ;;
daemon) exec "${daemon[@]}" ;;
all) ;;
*)
  echo "usage: serve.sh [all|webserver|daemon]" >&2
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
"${webserver[@]}" &
"${daemon[@]}" &
# When one of the two ends, the other must not go on as if all were well.
wait -n || true
echo "The web server or the daemon has ended; stopping." >&2
stop
exit 1
