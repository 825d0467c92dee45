"""A sync in a process of its own, for those who kill it: `python -m tests.lake.killed STRIPE FOLDER`."""

import sys
from pathlib import Path

from pipeline.database import engine
from pipeline.lake import Lake, one_source
from pipeline.lake.landing import sync
from pipeline.sources import StripeSource
from tests.sources.company import END, KEY

CHUNK = 100_000
"""Bytes: small, so that much is written and kept before the end."""


def run(lake: Lake, base: str) -> None:
    """A first sync, or one that goes on."""
    whole, one_source.CHUNK = one_source.CHUNK, CHUNK
    try:
        source = StripeSource(KEY, base, requests_per_second=100_000)
        sync(lake, lake.engine, [source], END, "run")
    finally:
        one_source.CHUNK = whole


if __name__ == "__main__":
    base, folder = sys.argv[1:]
    lake = Lake(Path(folder) / "lake", engine(f"sqlite:///{folder}/warehouse.db"))
    sys.stdout.write("begins\n")
    sys.stdout.flush()
    run(lake, base)
