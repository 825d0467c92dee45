"""What a night costs after a first sync: it grows with what changed, not with what exists.

Usage: python -m bench.night [--subscriptions 100000]

The server is the one of `bench.sync`. After the first sync nothing changes for a night, then 1,000 subscriptions, then
2,000; the last row is the weekly listing. The result goes to bench/results/.
"""

import argparse
import json
import os
import sys
import tempfile
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.lake import lake_in
from bench.measuring import keep, timed
from bench.rivals.reading import KEY
from bench.stripe_server import LAST, Setting, serving
from pipeline.lake import landing
from pipeline.sources.protocol import Extent, unix
from pipeline.sources.stripe import StripeSource

Told = dict[str, Any]
DAY = timedelta(days=1)
CHANGED = (0, 1_000, 2_000)
"""Subscriptions that change in a night."""


def run(subscriptions: int) -> Told:
    """The first sync, the nights, and a listing."""
    setting = Setting({"/v1/subscriptions": subscriptions})
    told: Told = {"cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 2)}
    with tempfile.TemporaryDirectory() as folder, serving(setting) as url:
        lake = lake_in(Path(folder))
        now = datetime.fromtimestamp(LAST, UTC) + DAY

        def sync(extent: Extent = "changes") -> Told:
            measured: Told = {}
            before = asked(url)
            with timed(measured, "sync"):
                found = landing.sync(
                    lake, lake.engine, [StripeSource(KEY, url)], now, "bench", extent
                )
            return {**measured["sync"], "stored": found.stored, "requests": asked(url) - before}

        told["first"] = sync()
        for changed in CHANGED:
            happen(url, changed, now, now + DAY)
            now += DAY
            told[f"{changed} changed"] = sync()
        now += DAY
        told["listing"] = sync("listing")
    return told


def asked(url: str) -> int:
    """How many requests the server has answered."""
    with urllib.request.urlopen(f"{url}/told") as answer:
        return int(json.load(answer)["requests"])


def happen(url: str, count: int, since: datetime, until: datetime) -> None:
    """So many subscriptions change in a span of time."""
    span = f"first={unix(since)}&last={unix(until)}"
    urllib.request.urlopen(f"{url}/happen?count={count}&{span}").close()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=100_000)
    told = run(parser.parse_args(arguments).subscriptions)
    table = Table()
    for name in ("sync", "requests", "seconds", "CPU s", "stored"):
        table.add_column(name, justify="left" if name == "sync" else "right")
    for name, row in told.items():
        if isinstance(row, dict):
            table.add_row(
                name,
                f"{row['requests']:,}",
                f"{row['seconds']:.1f}",
                f"{row['cpu_seconds']:.1f}",
                f"{row['stored']:,}",
            )
    Console().print(table)
    keep(f"night-{told['first']['stored']}", told)


if __name__ == "__main__":
    main(sys.argv[1:])
