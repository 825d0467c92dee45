"""dlt's `rest_api` source to Parquet files: `python -m bench.rivals.dlt URL`."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import dlt
from dlt.sources.rest_api import rest_api_source

from bench.rivals.reading import KEY, measured

SUBSCRIPTIONS = {
    "name": "subscriptions",
    "endpoint": {
        "path": "v1/subscriptions",
        "params": {"limit": 100, "status": "all"},
        "data_selector": "data",
        "paginator": {
            "type": "cursor",
            "cursor_path": "data[-1].id",
            "cursor_param": "starting_after",
            "has_more_path": "has_more",
        },
    },
}


def read(url: str) -> int:
    """Every subscription, extracted, normalised and loaded."""
    client = {"base_url": url, "auth": {"type": "bearer", "token": KEY}}
    source = rest_api_source({"client": client, "resources": [SUBSCRIPTIONS]}, name="stripe")
    with TemporaryDirectory() as name:
        folder = Path(name)
        pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=str(folder / "pipelines"),
            destination=dlt.destinations.filesystem(bucket_url=str(folder / "lake")),
            dataset_name="bench",
        )
        pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()
        return pipeline.last_trace.last_normalize_info.row_counts["subscriptions"]


if __name__ == "__main__":
    # Nothing is sent to its makers.
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    measured("dlt", read)
