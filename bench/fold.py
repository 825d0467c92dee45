"""The fold at scale: decode, fold, and nights on top, timed in processes of their own.

Usage: python -m bench.fold [--accounts 100000] [--months 36] [--folder FOLDER]

The store is a company that grew to so many accounts in so many months (`bench.records`). Its last days are held back:
one, two and four of them are folded as a night on the same store, of which nothing is committed. The result goes to
bench/results/.
"""

import argparse
import json
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from bench.lake import lake_in
from bench.measuring import apart, keep, peak_mebibytes, timed
from bench.records import copies, simulated
from pipeline.assets import evidence, folded
from pipeline.assets.evidence import Decoded
from pipeline.lake import Lake, StagedObject
from pipeline.schemas import COVERAGE, RAW_RECORD

SIMULATED = 1_000
"""Accounts that are simulated; the others are copies."""
NIGHTS = (1, 2, 4)
"""Days that a night brings."""
REFOLDS = 3
"""How often everything is folded again: what else the machine does shows in the spread."""
SEED = 1


def build(folder: Path, accounts: int, months: int) -> dict[str, Any]:
    """The store but for its last days, which are kept in `folder`."""
    lake = lake_in(folder)
    size = min(accounts, SIMULATED)
    raw, coverage = simulated(SEED, size, months)
    ends = coverage.sort("covered_to").get_column("sync_id")
    days = ends.tail(max(NIGHTS)).to_list()
    late = pl.col("sync_id").is_in(days)
    lake.commit([lake.write(COVERAGE, coverage.filter(late.not_()))], run_id="bench")
    coverage.filter(late).write_parquet(folder / "coverage.parquet")
    records = 0
    for number, part in enumerate(copies(raw, accounts // size)):
        staged = list(_written(lake, part.filter(late.not_())))
        lake.commit(staged, run_id="bench")
        for day, sync in enumerate(days):
            part.filter(sync_id=sync).write_parquet(folder / f"day-{day}-{number:04}.parquet")
        records += sum(each.rows for each in staged)
    payload = raw.get_column("payload").str.len_bytes().sum() * (accounts // size)
    return {"accounts": accounts // size * size, "months": months, "raw_records": records,
            "json_gigabytes": round(payload / 1e9, 1)}  # fmt: skip


def _written(lake: Lake, raw: pl.DataFrame) -> Iterator[StagedObject]:
    for (name,), rows in raw.partition_by("stream", as_dict=True).items():
        yield lake.write(RAW_RECORD, rows, f"stripe.{name}")


def first(folder: Path) -> dict[str, Any]:
    """Decode everything."""
    told: dict[str, Any] = {}
    lake = lake_in(folder)
    with timed(told, "decode"):
        decoded = evidence.decode_new(lake)
    kept = (decoded.code, decoded.before, decoded.until, decoded.live, decoded.staged)
    (folder / "decoded.pickle").write_bytes(pickle.dumps(kept))
    told["evidence_rows"] = sum(each.rows for each in decoded.staged)
    told["evidence_megabytes"] = round(sum(each.bytes for each in decoded.staged) / 1e6, 1)
    return told


def scan(folder: Path) -> dict[str, Any]:
    """What the fold is held against: reading the same rows and sorting them by customer and instant."""
    told: dict[str, Any] = {}
    every = _decoded(folder).fresh()
    order = {"subscription": "at", "invoice": "invoiced_at", "invoice_item": "changed_at"}
    with timed(told, "scan_and_sort"):
        for name, column in order.items():
            getattr(every, name).sort("customer_id", column).collect()
    return told


def fold(folder: Path) -> dict[str, Any]:
    """Fold everything from decoded evidence, write it, and show it."""
    told: dict[str, Any] = {}
    decoded = _decoded(folder)
    lake = decoded.lake
    with timed(told, "fold"):
        found = folded.write(lake, folded.fold(decoded, None))
    lake.commit([*decoded.staged, *found.staged], run_id="bench", also=decoded.remember)
    return told | _counted(found)


def refold(folder: Path) -> dict[str, Any]:
    """Fold and write everything once more; nothing is shown."""
    told: dict[str, Any] = {}
    decoded = _decoded(folder)
    with timed(told, "fold"):
        folded.write(decoded.lake, folded.fold(decoded, None))
    return told


def night(folder: Path) -> dict[str, Any]:
    """Decode and fold what is new, as the asset does; nothing is committed."""
    told: dict[str, Any] = {}
    lake = lake_in(folder)
    with timed(told, "decode"):
        decoded = evidence.decode_new(lake)
    with timed(told, "fold"):
        found = folded.write(lake, folded.fold(decoded, folded.before(lake)))
    told["evidence_rows"] = sum(each.rows for each in decoded.staged)
    return told | _counted(found)


def _counted(found: folded.Written) -> dict[str, int]:
    rows = sum(each.rows for each in found.staged if each.table == "item_timeline")
    return {"timeline_rows": rows, "customers": found.customers, "shares": len(found.shares)}


def _decoded(folder: Path) -> Decoded:
    return Decoded(lake_in(folder), *pickle.loads((folder / "decoded.pickle").read_bytes()))


STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "build": build,
    "first": first,
    "scan": scan,
    "fold": fold,
    "refold": refold,
    "night": night,
}


def measured(step: str, folder: Path, *more: str) -> dict[str, Any]:
    """A step in a process of its own, with the most memory that it held."""
    told = apart("bench.fold", "--step", step, "--folder", str(folder), *more)
    print(step, told, flush=True)
    return told


def run(folder: Path, accounts: int, months: int) -> dict[str, Any]:
    """Every measurement, in order."""
    size = ("--accounts", str(accounts), "--months", str(months))
    told: dict[str, Any] = {"store": measured("build", folder, *size)}
    for step in ("first", "scan", "fold"):
        told[step] = measured(step, folder)
    told["refolds"] = [measured("refold", folder) for _ in range(REFOLDS)]
    told["nights"] = []
    lake, spans = lake_in(folder), pl.read_parquet(folder / "coverage.parquet").sort("covered_to")
    landed = 0
    for days in NIGHTS:
        for day in range(landed, days):
            raw = pl.read_parquet(folder / f"day-{day}-*.parquet")
            span = lake.write(COVERAGE, spans[day])
            lake.commit([*_written(lake, raw), span], run_id="bench")
        landed = days
        told["nights"].append({"days": days, **measured("night", folder)})
    return told


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--step", choices=STEPS)
    given = parser.parse_args(arguments)
    if given.step:
        size = (given.accounts, given.months) if given.step == "build" else ()
        told = STEPS[given.step](given.folder, *size)
        told["peak_gibibytes"] = round(peak_mebibytes() / 2**10, 2)
        print(json.dumps(told))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        told = run(folder, given.accounts, given.months)
    told = {"polars": pl.__version__, "threads": pl.thread_pool_size(), "seed": SEED, **told}
    keep(f"fold-{given.accounts}", told)


if __name__ == "__main__":
    main(sys.argv[1:])
