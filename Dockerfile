# Build:  docker build -t expansion-pipeline .
# Run:    docker run --init --network host --env-file .env -v expansion:/app/state \
#           -v "$PWD/config:/app/config:ro" expansion-pipeline
#
# Web server and daemon in one container, for one machine; compose.yaml runs them apart, with
# PostgreSQL. `config` holds pipeline.toml and what it names.
#
# Dagster's UI has no login. It therefore listens on 127.0.0.1 only, of the host with
# `--network host`; docs/operate.md says how to put a login in front. `expansion` commands run in
# the same image:
#   docker run --rm --env-file .env -v expansion:/app/state -v "$PWD/config:/app/config:ro" \
#     expansion-pipeline expansion doctor

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /build
# The dependencies change seldom: a layer of their own.
COPY requirements.lock ./
RUN /opt/venv/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE dagster.yaml ./
COPY pipeline ./pipeline
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --create-home --uid 1000 expansion
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY workspace.yaml dagster.yaml ./
COPY deploy/workspace.yaml deploy/storage.yaml deploy/
COPY scripts/serve.sh scripts/
# A new volume takes the owner that its place has here.
RUN mkdir -p config state/dagster && touch config/pipeline.toml && chown -R expansion:expansion state
USER expansion
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=127.0.0.1 \
    PORT=3000 \
    DATA_DIR=/app/state/data \
    WAREHOUSE_URL=sqlite:////app/state/warehouse.db \
    PIPELINE_CONFIG=/app/config/pipeline.toml \
    DAGSTER_HOME=/app/state/dagster
VOLUME /app/state
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/server_info', timeout=8)"]
CMD ["scripts/serve.sh"]
