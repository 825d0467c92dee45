"""The score at scale: the accounts of one month scored, with their reasons, and the record, from Parquet files.

Usage: python -m bench.readiness [--accounts 1000000] [--folder FOLDER]

The accounts are made up: one or two items each at ten month ends, three years of movements, owners, deals for a tenth,
and product usage for a third. Making them is not part of the time. The month is scored in one process, by the rules and
by what was learned; the record looks back in another one. The result goes to bench/results/.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from bench.measuring import apart, keep, peak_mebibytes, timed
from pipeline import readiness
from pipeline.assets.readiness import AT_ONCE, RECORDED
from pipeline.money import MICRO
from pipeline.months import Calendar, add_months
from pipeline.readiness.chance import uniform
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_HISTORY,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SNAPSHOT,
    PRODUCT,
    Table,
)

MONTH = date(2026, 10, 1)
CALENDAR = Calendar(now=datetime(2026, 11, 23, tzinfo=UTC), first_month=date(2024, 1, 1))
TIMES, MOVED = 10, 36
"""Month ends with items, three months apart, and months with movements."""
PLANS = ("Starter", "Pro", "Enterprise")
EXPANDING, MOVING = 0.08, 0.12
SEATS, METERED, DEALS, USERS = 200, 0.2, 0.1, 0.33
END = datetime(2026, 11, 1, tzinfo=UTC)


def made(accounts: int) -> dict[str, pl.LazyFrame]:
    """The frames that `Known` has, by name."""
    numbers = pl.LazyFrame({"n": range(accounts)}, schema={"n": pl.Int64})
    base = numbers.with_columns(
        account_id=pl.format("hubspot:{}", pl.col("n") + 10**9),
        plan_=(uniform(pl.col("n"), 1) * len(PLANS)).cast(pl.Int64),
        seats_=(uniform(pl.col("n"), 2) * SEATS).cast(pl.Int64) + 1,
    )
    plan = pl.col("plan_").replace_strict(dict(enumerate(PLANS)), return_dtype=pl.String)
    past = [add_months(MONTH, -3 * back) for back in range(TIMES)]
    ends = pl.LazyFrame({"month": past, "draw": range(50, 50 + TIMES)})
    items = base.join(ends, how="cross").with_columns(
        subscription_item_id=pl.format("si_{}", "n"),
        product_id=pl.format("prod_{}", "plan_"),
        plan=plan,
        pricing_model=pl.lit("seat"),
        usage_type=pl.lit("licensed"),
        status=pl.lit("active"),
        quantity=pl.col("seats_") + (uniform(pl.col("n"), pl.col("draw")) * 20).cast(pl.Int64),
    )
    metered = items.filter(uniform(pl.col("n"), 5) < METERED).with_columns(
        subscription_item_id=pl.format("si_m{}", "n"),
        product_id=pl.lit("prod_api"),
        plan=pl.lit("API"),
        pricing_model=pl.lit("usage"),
        usage_type=pl.lit("metered"),
    )
    valued = pl.concat([items, metered]).with_columns(
        mrr=pl.col("quantity") * 20 * MICRO, list_mrr=pl.col("quantity") * 20 * MICRO
    )
    back = pl.LazyFrame(
        {"month": [add_months(MONTH, -n) for n in range(MOVED)], "draw": range(100, 100 + MOVED)}
    )
    moved = base.join(back, how="cross").with_columns(u=uniform(pl.col("n"), pl.col("draw")))
    kind = (
        pl.when(pl.col("u") < EXPANDING).then(pl.lit("expansion")).otherwise(pl.lit("contraction"))
    )
    moving = moved.filter(pl.col("u") < MOVING).with_columns(
        movement=kind, window_months=pl.lit(1), type=pl.lit("seat"), amount=pl.col("seats_") * MICRO
    )
    at = pl.lit(END, dtype=pl.Datetime("us", "UTC"))
    deals = base.filter(uniform(pl.col("n"), 30) < DEALS).with_columns(
        deal_id=pl.format("d{}", "n"),
        type=pl.lit("existingbusiness"),
        created=at - pl.duration(days=40),
    )
    weeks = pl.LazyFrame({"week": range(13)})
    used = base.filter(uniform(pl.col("n"), 40) < USERS).join(weeks, how="cross")
    return {
        "snapshot": _of(MRR_SNAPSHOT, valued.with_columns(discount_mrr=pl.lit(0))),
        "movement": _of(MRR_MOVEMENT, moving),
        "component": _of(MRR_MOVEMENT_COMPONENT, moving),
        "account": _of(
            ACCOUNT,
            base.with_columns(source=pl.lit("hubspot"), first_paid_month=pl.lit(date(2025, 1, 1))),
        ),
        "account_history": _of(
            ACCOUNT_HISTORY,
            base.with_columns(
                field=pl.lit("owner"), value=pl.lit("Ann Lee"), at=at - pl.duration(days=200)
            ),
        ),
        "deal": _of(CRM_DEAL, deals),
        "deal_history": _of(
            CRM_DEAL_HISTORY,
            deals.with_columns(
                at=at - pl.duration(days=20),
                field=pl.lit("stage"),
                value=pl.lit("talk"),
                closes=pl.lit(value=False),
                probability=pl.lit(0.5),
            ),
        ),
        "product": _of(
            PRODUCT,
            pl.LazyFrame(
                {
                    "product_id": [f"prod_{n}" for n in range(len(PLANS))],
                    "name": list(PLANS),
                    "metadata": ['{"seat_limit": "250"}'] * len(PLANS),
                }
            ),
        ),
        "usage": used.select(
            "account_id",
            day=(at - pl.duration(days=pl.col("week") * 7 + 1)).dt.date(),
            feature=pl.lit("seats"),
            value=pl.col("seats_") * 0.9,
        ),
    }


def _of(table: Table, frame: pl.LazyFrame) -> pl.LazyFrame:
    """The table's columns; what is not said is null."""
    there = frame.collect_schema()
    return frame.select(
        (pl.col(name) if name in there else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in table.schema.items()
    )


def known_in(folder: Path) -> tuple[readiness.Known, pl.LazyFrame]:
    """What lies in `folder`, and the components of movements."""
    frames = {path.stem: pl.scan_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    component = frames.pop("component")
    return readiness.Known(**frames, limit_keys=(("seats", "seat_limit"),)), component


def needed(known: readiness.Known, months: Sequence[date]) -> readiness.Known:
    """Only the months that the lake would read for `months`."""
    ends, back = readiness.snapshots_for(months), readiness.movements_for(months)
    return replace(
        known,
        snapshot=known.snapshot.filter(pl.col("month").is_in(ends)),
        movement=known.movement.filter(pl.col("month").is_in(back)),
    )


def score(folder: Path) -> dict[str, Any]:
    """Score what lies in `folder`."""
    told: dict[str, Any] = {}
    known = needed(known_in(folder)[0], [MONTH])
    with timed(told, "scored"):
        found = readiness.scored(readiness.indicators(known, CALENDAR, [MONTH])).collect().lazy()
    told["scored_mebibytes"] = peak_mebibytes()
    with timed(told, "ranked"):
        chances = pl.DataFrame(schema={"tenth": pl.Int64, "probability": pl.Float64})
        told["scores"] = readiness.score_rows(found, "rules", chances).collect().height
    with timed(told, "reasons"):
        told["reasons_told"] = readiness.reasons(found).collect().height
    told["peak_mebibytes"] = peak_mebibytes()
    return told


def look_back(folder: Path) -> dict[str, Any]:
    """The record, and the month scored by what was learned."""
    told: dict[str, Any] = {}
    known, component = known_in(folder)
    accounts = known.account.select("account_id").collect().height
    share = min(1.0, RECORDED / accounts)
    ends = readiness.origins(CALENDAR.first_month, MONTH)
    parts = [ends[at : at + AT_ONCE] for at in range(0, len(ends), AT_ONCE)]
    with timed(told, "looked_back"):
        said = (
            readiness.scored(
                readiness.indicators(needed(known, part).sampled(share), CALENDAR, part)
            ).collect()
            for part in parts
        )
        asked = (readiness.judgeable(each.lazy()).collect() for each in said)
        past = pl.concat(readiness.outcomes(each.lazy(), component).collect() for each in asked)
    told["looked_back_mebibytes"] = peak_mebibytes()
    told |= {"share": share, "judged": past.height, "expanded": int(past["expanded"].sum())}
    with timed(told, "learned"):
        learned = readiness.learned(past)
    with timed(told, "record"):
        told["verdict"] = readiness.record(learned.outcomes, MONTH, share).verdict
    told["record_mebibytes"] = peak_mebibytes()
    if learned.model is None:
        return told
    with timed(told, "scored_by_model"):
        said = readiness.indicators(needed(known, [MONTH]), CALENDAR, [MONTH])
        found = readiness.scored_by(said, learned.model, learned.without_deals).collect()
    told |= {"scores": found.height, "peak_mebibytes": peak_mebibytes()}
    return told


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--step", choices=["score", "record"])
    given = parser.parse_args(arguments)
    if given.step:
        print(json.dumps({"score": score, "record": look_back}[given.step](given.folder)))
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="readiness-"))
    try:
        for name, frame in made(given.accounts).items():
            frame.sink_parquet(folder / f"{name}.parquet")
        told = apart("bench.readiness", "--step", "score", "--folder", str(folder))
        told["record"] = apart("bench.readiness", "--step", "record", "--folder", str(folder))
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    told |= {"accounts": given.accounts, "cores": os.cpu_count()}
    print(json.dumps(told, indent=1))
    keep(f"readiness-{given.accounts}", told)


if __name__ == "__main__":
    main(sys.argv[1:])
