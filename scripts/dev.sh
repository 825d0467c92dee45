#!/usr/bin/env bash
# The Dagster UI over the demo's lake, warehouse and runs. PORT (default 3000), on 127.0.0.1 only.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ! -d data/demo ]]; then
  echo "There is no demo data yet. Run this first: make demo" >&2
  exit 1
fi

# Simulated and real figures never mix: a credential in .env must not reach the demo. An empty
# variable counts as not set, and .env does not replace a variable that exists.
for name in STRIPE_API_KEY STRIPE_API_BASE STRIPE_ACCOUNT HUBSPOT_SERVICE_KEY HUBSPOT_API_BASE \
  SALESFORCE_DOMAIN SALESFORCE_CLIENT_ID SALESFORCE_CLIENT_SECRET SALESFORCE_API_BASE \
  SLACK_BOT_TOKEN SLACK_WEBHOOK_URL SLACK_API_BASE PIPELINE_NOW; do
  export "$name="
done
export DATA_DIR=data/demo
export WAREHOUSE_URL=sqlite:///data/demo/warehouse.db
export PIPELINE_CONFIG=data/demo/pipeline.toml
export DAGSTER_HOME=data/demo/dagster

# The demo leaves its own settings as KEY=VALUE lines.
if [[ -f data/demo/env ]]; then
  while IFS='=' read -r key value; do
    if [[ $key =~ ^[A-Z][A-Z0-9_]*$ ]]; then
      export "$key=$value"
    fi
  done <data/demo/env
fi

# Dagster wants an absolute home, with its settings inside.
mkdir -p "$DAGSTER_HOME"
DAGSTER_HOME=$(cd "$DAGSTER_HOME" && pwd)
[[ -e $DAGSTER_HOME/dagster.yaml ]] || cp dagster.yaml "$DAGSTER_HOME/"

echo "Dagster UI: http://127.0.0.1:${PORT:-3000} (Ctrl-C stops it)"
# Dagster recommends a newer command for projects laid out in its own way; this one is not.
export PYTHONWARNINGS='ignore:Function `dev_command` is superseded'
exec .venv/bin/dagster dev -w workspace.yaml -h 127.0.0.1 -p "${PORT:-3000}" --log-level warning
