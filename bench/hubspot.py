"""A night of HubSpot at the limit that HubSpot sets.

Usage: python -m bench.hubspot [--companies 100000] [--deals 100000] [--contacts 0]

The server (`bench.hubspot_server`) answers after 150 ms and lets 190 requests come in any ten seconds; it has a process
of its own, and so has whoever reads. The sync writes the raw store and the manifest. The floor is the time that the
requests take which no reader can do without, at the limit. The result goes to bench/results/.
"""

import argparse
import json
import os
import sys
import tempfile
import urllib.request
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.hubspot_server import WINDOW, Setting, serving
from bench.lake import lake_in
from bench.measuring import apart, keep, peak_mebibytes, timed
from pipeline.lake import landing
from pipeline.sources.hubspot import HubSpotSource
from pipeline.sources.hubspot.streams import BATCH, PAGE, PAGE_WITH_HISTORY, Wanted

Told = dict[str, Any]

KEY = "pat-bench"
STREAMS = {"companies": "company", "deals": "deal", "contacts": "contact"}
ONCE = 8
"""Requests whatever there is: properties, archived companies and deals, owners twice, pipelines."""


def synced(url: str) -> Told:
    """A sync of everything that the server at `url` has."""
    told: Told = {}
    with tempfile.TemporaryDirectory() as folder:
        lake = lake_in(Path(folder))
        source = HubSpotSource(KEY, url, wanted=Wanted(("stripe_customer_id",)))

        def clock() -> datetime:
            return datetime.now(UTC)

        with timed(told, "sync"):
            result = landing.sync(lake, lake.engine, [source], clock(), "bench", clock=clock)
        files = [each for each in lake.root.rglob("*.parquet") if each.is_file()]
        return {
            "stored": {each.stream: each.stored for each in result.counts if each.stored},
            **told["sync"],
            "peak_mebibytes": peak_mebibytes(),
            "lake_megabytes": round(sum(each.stat().st_size for each in files) / 1e6, 1),
        }


def needed(counts: dict[str, int]) -> int:
    """Requests that no reader can do without."""
    pages = ceil(counts["companies"] / PAGE_WITH_HISTORY) + ceil(
        counts["deals"] / PAGE_WITH_HISTORY
    )
    return ONCE + pages + ceil(counts["contacts"] / PAGE) + ceil(counts["deals"] / BATCH)


def run(counts: dict[str, int], allowance: int = 190, latency: float = 0.15) -> Told:
    """The measurement."""
    setting = Setting(counts, latency, allowance)
    with serving(setting) as url:
        told = apart("bench.hubspot", "--synced", url)
        with urllib.request.urlopen(f"{url}/told") as answer:
            asked = json.load(answer)
    read = {kind: told["stored"].get(stream, 0) for kind, stream in STREAMS.items()}
    if read != counts:
        raise RuntimeError(f"of {counts} were stored {told['stored']}")
    floor = needed(counts) * WINDOW / allowance
    return {
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "allowance": allowance,
        "latency_seconds": latency,
        **told,
        **asked,
        "needed_requests": needed(counts),
        "floor_seconds": round(floor, 1),
        "share_of_floor": round(floor / told["seconds"], 3),
    }


def shown(told: Told) -> Table:
    """The result as a table."""
    table = Table()
    names = ("seconds", "floor", "share", "requests", "needed", "429", "CPU s", "peak MiB")
    for name in names:
        table.add_column(name, justify="right")
    table.add_row(
        f"{told['seconds']:.1f}",
        f"{told['floor_seconds']:.1f}",
        f"{told['share_of_floor']:.1%}",
        f"{told['requests']:,}",
        f"{told['needed_requests']:,}",
        f"{told['refused']:,}",
        f"{told['cpu_seconds']:.1f}",
        f"{told['peak_mebibytes']:,}",
    )
    return table


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--companies", type=int, default=100_000)
    parser.add_argument("--deals", type=int, default=100_000)
    parser.add_argument("--contacts", type=int, default=0)
    parser.add_argument("--synced", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.synced:
        print(json.dumps(synced(given.synced)))
        return
    counts = {kind: getattr(given, kind) for kind in STREAMS}
    told = run(counts)
    Console().print(shown(told))
    keep(f"hubspot-{given.companies}", told)


if __name__ == "__main__":
    main(sys.argv[1:])
