"""Syncs on bad days end as on good ones, and syncs that are killed are gone on with."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.database import engine, upgrade
from pipeline.lake import Lake
from pipeline.lake.folder import files
from pipeline.lake.landing import sync
from pipeline.sandbox.company import Company
from pipeline.sandbox.web.faults import KINDS, Faults
from pipeline.schemas import COVERAGE, RAW_RECORD
from pipeline.sources import StripeSource
from pipeline.sources.limits import Patience
from tests.lake import killed
from tests.sources.company import END, KEY, answering

START = END - timedelta(days=2)
HOUR = timedelta(hours=1)
FEW, MANY = 3, 100
KILLS, MANY_KILLS = 4, 200
LATE = 600
"""Seconds after which Stripe shows an object, on a bad day."""
STUBBORN = Patience(attempts=12, first_seconds=0.005, longest_seconds=0.1, answer_seconds=0.5)
Note = Callable[[str, object], None]


@contextmanager
def lake_in(folder: Path) -> Iterator[Lake]:
    url = f"sqlite:///{folder}/warehouse.db"
    folder.mkdir(exist_ok=True)
    upgrade(url)
    opened = engine(url)
    try:
        yield Lake(folder / "lake", opened)
    finally:
        opened.dispose()


def lived(base: str, company: Company, lake: Lake, faults: Faults) -> None:
    """A first sync, a night on which the newest objects do not show yet, and one on which they do."""
    for now, late in ((START, LATE), (END, LATE), (END + HOUR, 0)):
        company.advance(now)
        faults.late = late if faults.share else 0
        source = StripeSource(KEY, base, requests_per_second=100_000, patience=STUBBORN)
        sync(lake, lake.engine, [source], now, "run")


def last(lake: Lake) -> pl.DataFrame:
    """The last content of every object, and the coverage."""
    records = lake.scan(RAW_RECORD).sort("observed_at", maintain_order=True)
    return (
        records.group_by("stream", "id").agg(pl.col("hash").last()).sort("stream", "id").collect()
    )


def company_of(days_before_the_end: int = 2) -> Company:
    made = Company(5, customers=8, months=4, end=END + HOUR)
    made.advance(END - timedelta(days=days_before_the_end))
    return made


def bad_days(seeds: range, folder: Path) -> dict[str, int]:
    """Live through as many bad days; what went wrong on them."""
    good = Faults(0, 0)
    company = company_of()
    with answering(company, good) as (base, _), lake_in(folder / "good") as lake:
        lived(base, company, lake, good)
        expected, spans = last(lake), lake.scan(COVERAGE).drop("sync_id").collect()
    spoilt = dict.fromkeys(KINDS, 0)
    for seed in seeds:
        company, faults = company_of(), Faults(seed, 0.05, silence=1.0)
        with answering(company, faults) as (base, _), lake_in(folder / str(seed)) as lake:
            lived(base, company, lake, faults)
            assert last(lake).equals(expected), seed
            assert lake.scan(COVERAGE).drop("sync_id").collect().equals(spans), seed
        spoilt = {kind: spoilt[kind] + faults.spoilt[kind] for kind in KINDS}
    return spoilt


def test_a_few_bad_days(tmp_path: Path) -> None:
    assert sum(bad_days(range(FEW), tmp_path).values()) > 0


@pytest.mark.soak
def test_a_hundred_bad_days(tmp_path: Path, soak_seed: int, record_property: Note) -> None:
    spoilt = bad_days(range(soak_seed, soak_seed + MANY), tmp_path)
    record_property("spoilt", spoilt)
    assert min(spoilt.values()) > 0


def kills(count: int, seed: int, folder: Path) -> int:
    """Kill as many syncs anywhere and go on with each; how many died before they were done."""
    draw = random.Random(seed)
    company = Company(5, customers=40, months=8, end=END)
    company.advance(END)
    died = 0
    with answering(company) as (base, _):
        with lake_in(folder / "whole") as lake:
            began = time.monotonic()
            killed.run(lake, base)
            took = time.monotonic() - began
            expected, spans = shown(lake), lake.scan(COVERAGE).drop("sync_id").collect()
        for number in range(count):
            place = folder / str(number)
            with lake_in(place) as lake:
                kill(base, place, draw.uniform(0, took))
                dead = lake.scan(COVERAGE).collect().is_empty()
                died += dead
                killed.run(lake, base)
                assert shown(lake).equals(expected), number
                if dead:  # else it was done before, and this was its first night
                    assert lake.scan(COVERAGE).drop("sync_id").collect().equals(spans), number
                lake.collect_orphans(timedelta(0))
                live = {each.path for each in lake.live()}
                found = {path.relative_to(lake.root).as_posix() for path in files(lake.root)}
                assert found == live, number
    return died


def kill(base: str, folder: Path, after: float) -> None:
    """Begin a sync in a process of its own, and kill it so many seconds later."""
    arguments = [sys.executable, "-m", killed.__name__, base, str(folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begins\n"
        time.sleep(after)
        process.kill()


def shown(lake: Lake) -> pl.DataFrame:
    """Every record that readers see; none of them twice."""
    found = lake.scan(RAW_RECORD).select("stream", "id", "hash").collect()
    assert found.is_unique().all()
    return found.sort(found.columns)


def test_a_few_kills(tmp_path: Path) -> None:
    assert kills(KILLS, 7, tmp_path) > 0


@pytest.mark.soak
def test_two_hundred_kills(tmp_path: Path, soak_seed: int, record_property: Note) -> None:
    died = kills(MANY_KILLS, soak_seed, tmp_path)
    record_property("died before they were done", died)
    assert died > MANY_KILLS / 2
