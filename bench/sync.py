"""A first sync at the ceiling that Stripe sets, and the same list read by others, in one run.

Usage: python -m bench.sync [--subscriptions 100000] [--largest 200000] [--rivals 5000]

The server (`bench.stripe_server`) answers after 150 ms and lets 25 requests a second to an endpoint, 100 in all; it has
a process of its own, and so has whoever reads. Our sync writes the raw store and the manifest. Rivals (`bench.rivals`,
installed by `make rivals`) read as many subscriptions as `--rivals` says, without their start-up; 0 leaves them out.
The result goes to bench/results/.
"""

import argparse
import json
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.lake import lake_in
from bench.measuring import ROOT, apart, keep, peak_mebibytes, timed
from bench.rivals.reading import KEY
from bench.stripe_server import Setting, serving
from pipeline.lake import landing
from pipeline.sources.stripe import StripeSource

Told = dict[str, Any]

PAGE = 100
SUBSCRIPTIONS = "/v1/subscriptions"
SHARES = {SUBSCRIPTIONS: 1, "/v1/invoices": 1, "/v1/customers": 0.25, "/v1/invoiceitems": 0.25}
"""The endpoints that are read side by side, in parts of the largest one."""
RIVALS = ROOT / ".cache" / "rivals"
READERS = {"sdk": "stripe", "tap": "tap-stripe", "dlt": "dlt"}
"""Module of `bench.rivals` -> what it runs."""


def synced(url: str) -> Told:
    """Our first sync of everything that the server at `url` has."""
    told: Told = {}
    with tempfile.TemporaryDirectory() as folder:
        lake = lake_in(Path(folder))
        source = StripeSource(KEY, url)

        def clock() -> datetime:
            return datetime.now(UTC)

        with timed(told, "sync"):
            result = landing.sync(lake, lake.engine, [source], clock(), "bench", clock=clock)
        files = [each for each in lake.root.rglob("*.parquet") if each.is_file()]
        stored = {each.stream: each.stored for each in result.counts if each.stored}
        return {
            "objects": sum(stored.values()),
            "stored": stored,
            **told["sync"],
            "peak_mebibytes": peak_mebibytes(),
            "lake_megabytes": round(sum(each.stat().st_size for each in files) / 1e6, 1),
            "lake_objects": len(files),
        }


def served(counts: dict[str, int], read: Callable[[str], Told]) -> Told:
    """What `read` tells of a server with so many objects, and how fast that was."""
    setting = Setting(counts)
    with serving(setting) as url:
        told = read(url)
        with urllib.request.urlopen(f"{url}/told") as answer:
            asked = json.load(answer)
    if told["objects"] != sum(counts.values()):
        raise RuntimeError(f"of {counts} were read {told['objects']} objects: {told}")
    # No sync is faster than its largest list at one endpoint's limit, or all of them at the limit overall.
    ceiling = max(
        max(counts.values()) / (setting.per_endpoint * PAGE),
        sum(counts.values()) / (setting.overall * PAGE),
    )
    return {
        **told,
        "objects_per_second": round(told["objects"] / told["seconds"]),
        "share_of_ceiling": round(ceiling / told["seconds"], 3),
        "cpu_seconds_per_10000": round(told["cpu_seconds"] / told["objects"] * 10_000, 2),
        **asked,
    }


def ours(counts: dict[str, int]) -> Told:
    """Our sync, in a process of its own."""
    return served(counts, lambda url: apart("bench.sync", "--synced", url))


def rival(name: str, count: int) -> Told:
    """A rival on so many subscriptions, or why it was not measured."""
    python = RIVALS / name / "bin" / "python"
    if not python.exists():
        return {"name": READERS[name], "note": "not installed: make rivals"}
    return served(
        {SUBSCRIPTIONS: count}, lambda url: apart(f"bench.rivals.{name}", url, python=python)
    )


def run(subscriptions: int, largest: int, rivals: int) -> Told:
    """Every measurement, in order."""
    several = {path: round(largest * share) for path, share in SHARES.items()}
    told: Told = {
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "one_list": ours({SUBSCRIPTIONS: subscriptions}),
        "four_lists": ours(several),
        "rivals": [rival(name, rivals) for name in READERS] if rivals else [],
    }
    speeds = [each["objects_per_second"] for each in told["rivals"] if "note" not in each]
    if speeds:
        ratio = told["one_list"]["objects_per_second"] / max(speeds)
        told["times_the_best_rival"] = round(ratio, 2)
    return told


def shown(told: Told) -> Table:
    """The result as a table."""
    table = Table()
    table.add_column("first sync by")
    for name in ("objects", "seconds", "objects/s", "of the ceiling", "requests", "429",
                 "CPU s per 10,000", "peak MiB"):  # fmt: skip
        table.add_column(name, justify="right")
    rows = {"ours, one list": told["one_list"], "ours, four lists": told["four_lists"]}
    rows |= {f"{each['name']} {each.get('version', '')}": each for each in told["rivals"]}
    for name, row in rows.items():
        if "note" in row:
            table.add_row(name, row["note"])
            continue
        table.add_row(
            name,
            f"{row['objects']:,}",
            f"{row['seconds']:.1f}",
            f"{row['objects_per_second']:,}",
            f"{row['share_of_ceiling']:.1%}",
            f"{row['requests']:,}",
            f"{row['refused']:,}",
            f"{row['cpu_seconds_per_10000']:.2f}",
            f"{row['peak_mebibytes']:,}",
        )
    return table


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=100_000, help="of the one list")
    parser.add_argument("--largest", type=int, default=200_000, help="of four lists")
    parser.add_argument("--rivals", type=int, default=5_000, help="subscriptions they read")
    parser.add_argument("--synced", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.synced:
        print(json.dumps(synced(given.synced)))
        return
    told = run(given.subscriptions, given.largest, given.rivals)
    console = Console()
    console.print(shown(told))
    if "times_the_best_rival" in told:
        console.print(f"{told['times_the_best_rival']} times the best of the others.")
    keep(f"sync-{given.subscriptions}", told)


if __name__ == "__main__":
    main(sys.argv[1:])
