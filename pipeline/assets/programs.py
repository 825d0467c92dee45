"""Programs without an experiment: what they added is estimated once their three months are over.

Belongs here: whom a program reached, and the frames that the estimate is made of. The estimate itself is
`pipeline.readiness.matched`.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date

import polars as pl

from pipeline import publish, readiness
from pipeline.assets import known
from pipeline.assets.place import Place
from pipeline.assets.readiness import scored_at
from pipeline.config import Program
from pipeline.months import add_months, key_of
from pipeline.readiness import matched
from pipeline.schemas import (
    ACCOUNT_LINK,
    EXPERIMENT_RESULT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SNAPSHOT,
)
from pipeline.sources.usage_file import read_reached


def estimated(place: Place) -> list[Program]:
    """The programs whose accounts are named and that have no experiment."""
    programs = place.settings.config.readiness.programs
    return [each for each in programs if each.accounts and not each.experiment]


def over(program: Program) -> date:
    """The last of its three months."""
    return add_months(program.month, readiness.AHEAD - 1)


def estimates(place: Place) -> list[pl.DataFrame]:
    """EXPERIMENT_RESULT of programs whose three months are closed: anew in the nights after, then left as it is."""
    latest = place.calendar().last_closed
    stored = publish.published(place.engine, EXPERIMENT_RESULT.name)
    told = stored.filter(pl.col("effect").is_not_null(), design=matched.DESIGN)
    kept = set(told.select("experiment", "month").iter_rows())
    return [
        _estimate(place, each)
        for each in estimated(place)
        if over(each) == latest or (over(each) < latest and (each.name, over(each)) not in kept)
    ]


def _estimate(place: Place, program: Program) -> pl.DataFrame:
    began = add_months(program.month, -1)
    accounts = _accounts(place, program, began)
    found = matched.matched(accounts)
    # Who was reached had stayed until then, so the others must have stayed, too.
    before = _accounts(place, program, add_months(began, -readiness.AHEAD))
    stayed = before.join(accounts, on="account_id", how="semi").sort("account_id")
    found.append(replace(matched.matched(stayed)[0], measure=matched.BEFORE))
    said = {"experiment": program.name, "month": over(program), "design": matched.DESIGN}
    return pl.DataFrame(
        [{**asdict(each), **said} for each in found], schema=EXPERIMENT_RESULT.schema
    )


def _accounts(place: Place, program: Program, end: date) -> pl.DataFrame:
    """Accounts that nothing blocked at a month's end and that paid a period before, and what became of them.

    None where a month that tells of it was not computed.
    """
    earlier = add_months(end, -readiness.AHEAD)
    asked = known.there(place, MRR_SNAPSHOT, [earlier]).group_by("month", "account_id")
    before = _became(place, asked.agg(pl.col("mrr").sum()).filter(pl.col("mrr") > 0), [earlier])
    clear = scored_at(place, end).filter(pl.col("blocked").is_null())
    now = _became(
        place, clear.select("month", "account_id", "mrr", "score", "plan", "tenure"), [end]
    )
    rows = (
        now.join(
            before.select("account_id", expanded_before="expanded", gained_before="gained"),
            on="account_id",
        )
        .join(
            reached(place, program).lazy().with_columns(reached=pl.lit(value=True)),
            on="account_id",
            how="left",
        )
        .with_columns(pl.col("reached").fill_null(value=False))
    )
    return (rows if _computed(place, [earlier, end]) else rows.clear()).sort("account_id").collect()


def _computed(place: Place, ends: Sequence[date]) -> bool:
    held = set(place.lake.partitions(MRR_SNAPSHOT))
    moved = set(place.lake.partitions(MRR_MOVEMENT_COMPONENT))
    return {key_of(end) for end in ends} <= held and {
        key_of(month) for month in readiness.outcome_months(ends)
    } <= moved


def _became(place: Place, accounts: pl.LazyFrame, ends: Sequence[date]) -> pl.LazyFrame:
    months = readiness.outcome_months(ends)
    return readiness.outcomes(accounts, known.there(place, MRR_MOVEMENT_COMPONENT, months))


def reached(place: Place, program: Program) -> pl.DataFrame:
    """`account_id` of those whom the program reached.

    Raises:
        ConfigError: its file cannot be read.
    """
    if program.accounts is None:
        return pl.DataFrame(schema={"account_id": pl.String})
    links = place.lake.scan(ACCOUNT_LINK).select("customer_id", linked="account_id")
    return (
        read_reached(program.accounts)
        .lazy()
        .join(links, on="customer_id", how="left")
        .select(account_id=pl.coalesce("account_id", "linked", "customer_id"))
        .unique()
        .sort("account_id")
        .collect()
    )
