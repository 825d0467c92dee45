#!/usr/bin/env bash
# The Dagster UI over the demo's lake, warehouse and runs. PORT (default 3000), on 127.0.0.1 only.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
demo=$root/data/demo

if [[ ! -d $demo ]]; then
  echo "There is no demo data yet. Run this first: make demo" >&2
  exit 1
fi

# Simulated and real figures never mix: no credential reaches the demo, neither from the
# environment nor, because Dagster runs in the demo's folder, from .env.
unset STRIPE_API_KEY STRIPE_API_BASE STRIPE_ACCOUNT HUBSPOT_SERVICE_KEY HUBSPOT_API_BASE \
  SALESFORCE_DOMAIN SALESFORCE_CLIENT_ID SALESFORCE_CLIENT_SECRET SALESFORCE_API_BASE \
  SLACK_BOT_TOKEN SLACK_WEBHOOK_URL SLACK_API_BASE PIPELINE_NOW
export DATA_DIR=$demo
export WAREHOUSE_URL=sqlite:///$demo/warehouse.db
export PIPELINE_CONFIG=$demo/pipeline.toml
export DAGSTER_HOME=$demo/dagster

# The demo leaves its own settings as KEY=VALUE lines; its paths are relative to this project.
if [[ -f $demo/env ]]; then
  while IFS='=' read -r key value; do
    [[ $key =~ ^[A-Z][A-Z0-9_]*$ ]] || continue
    case $key in
    DATA_DIR | PIPELINE_CONFIG | DAGSTER_HOME)
      [[ $value == /* || $value == *://* ]] || value=$root/$value ;;
    WAREHOUSE_URL)
      [[ $value != sqlite:///[!/]* ]] || value=sqlite:///$root/${value#sqlite:///} ;;
    esac
    export "$key=$value"
  done <"$demo/env"
fi

mkdir -p "$DAGSTER_HOME"
[[ -e $DAGSTER_HOME/dagster.yaml ]] || cp dagster.yaml "$DAGSTER_HOME/"

echo "Dagster UI: http://127.0.0.1:${PORT:-3000} (Ctrl-C stops it)"
# Dagster recommends a newer command for projects laid out in its own way; this one is not. It also
# marks backfill policies as beta; the design rests on them.
export PYTHONWARNINGS='ignore:Function `dev_command` is superseded,ignore:Parameter `backfill_policy` of function'
export PATH=$root/.venv/bin:$PATH
cd "$demo"
# Its daemon warns at the first start of cursors that it has yet to make; what goes wrong is an error.
exec dagster dev -w "$root/workspace.yaml" -h 127.0.0.1 -p "${PORT:-3000}" --log-level error
