#!/usr/bin/env bash
# Makes the two databases, each with an owner that can reach only that one: `expansion` is the
# warehouse, `dagster` keeps runs and schedules. The image of PostgreSQL runs it once, on an empty
# volume; elsewhere run it by hand as a superuser, with psql's own variables (PGHOST, PGUSER, ...).
# The passwords are those of EXPANSION_DB_PASSWORD and DAGSTER_DB_PASSWORD.
set -euo pipefail
: "${EXPANSION_DB_PASSWORD:?is not set}" "${DAGSTER_DB_PASSWORD:?is not set}"
export PGUSER=${PGUSER:-${POSTGRES_USER:-postgres}} PGDATABASE=${PGDATABASE:-postgres}

# psql reads the passwords from the environment and quotes them: no argument shows them.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\getenv expansion EXPANSION_DB_PASSWORD
\getenv dagster DAGSTER_DB_PASSWORD
CREATE ROLE expansion LOGIN PASSWORD :'expansion';
CREATE ROLE dagster LOGIN PASSWORD :'dagster';
CREATE DATABASE expansion OWNER expansion;
CREATE DATABASE dagster OWNER dagster;
REVOKE ALL ON DATABASE expansion FROM PUBLIC;
REVOKE ALL ON DATABASE dagster FROM PUBLIC;
SQL
