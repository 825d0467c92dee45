"""Experiments with outreach: kept in the warehouse, since people decided on them; their results are made every night.

Belongs here: creating one, and the asset that says what became of them. What is drawn and computed is in
`pipeline.readiness.experiment`.
"""

import re
from collections.abc import Collection
from dataclasses import asdict
from datetime import date

import dagster as dg
import polars as pl
from sqlalchemy import and_, delete

from pipeline import publish, readiness
from pipeline.assets import known
from pipeline.assets.place import Place
from pipeline.assets.programs import estimates
from pipeline.database import table_of
from pipeline.database.engine import lock_ledger
from pipeline.errors import ConfigError
from pipeline.months import add_months, key_of, months_between
from pipeline.publish.bulk import insert_rows
from pipeline.readiness import experiment
from pipeline.schemas import (
    EXPERIMENT,
    EXPERIMENT_MEMBER,
    EXPERIMENT_RESULT,
    MRR_MOVEMENT_COMPONENT,
    READINESS_SCORE,
    Table,
)

NAME = re.compile(r"\w[\w .-]{0,59}")


def experiment_assets() -> list[dg.AssetsDefinition]:
    """`experiment_result`."""

    @dg.asset(group_name="readiness", deps=["warehouse"], kinds={"sql"}, pool="publish")
    def experiment_result(place: dg.ResourceParam[Place]) -> dg.MaterializeResult[None]:
        """What outreach added in each experiment, up to the newest closed month of its three, and programs without."""
        rows = results(place)
        known_ = {row["experiment"] for row in rows.to_dicts()}
        return dg.MaterializeResult(metadata={"experiments with outcomes": len(known_)})

    return [experiment_result]


def create(
    place: Place, name: str, share: float, first: int | None = None, month: date | None = None
) -> pl.DataFrame:
    """Draw who is not asked, among accounts that nothing blocks, and keep it: the EXPERIMENT row.

    Args:
        place: where.
        name: what it is called.
        share: of the accounts that nobody asks.
        first: only so many, the readiest; null: all.
        month: the month whose scores choose; null: the newest one.

    Raises:
        ConfigError: the name is taken or unusable, or there is nobody to draw.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            "The experiment's name cannot be used. Write up to 60 letters, digits, blanks, points, dashes and "
            "underscores, a letter or digit first."
        )
    with place.engine.begin() as connection:
        lock_ledger(connection)
        kept = publish.published(place.engine, EXPERIMENT.name)
        if name in kept["experiment"]:
            raise ConfigError(f'There is an experiment "{name}". Take another name.')
        listed = _listed(place, kept, month)
        if first is not None:
            listed = listed.head(first)
        drawn = experiment.members(name, listed, share).with_columns(
            experiment=pl.lit(name, dtype=pl.String)
        )
        row = _row(place, name, share, listed, drawn)
        insert_rows(connection, EXPERIMENT, row)
        insert_rows(connection, EXPERIMENT_MEMBER, drawn.select(EXPERIMENT_MEMBER.names))
    return row


def _listed(place: Place, kept: pl.DataFrame, month: date | None) -> pl.DataFrame:
    """The month's accounts by rank that nothing blocks, and that are in no experiment that still runs."""
    scored = publish.months_of(place.engine, READINESS_SCORE.name)
    if not scored:
        raise ConfigError("No month is scored yet. Run: expansion run")
    if month is not None and month not in scored:
        key = key_of(month)
        raise ConfigError(f"{key} is not scored. Run: expansion backfill --from {key} --to {key}")
    chosen = month or max(scored)
    running = kept.filter(
        pl.col("month") > add_months(chosen, -readiness.AHEAD),
        pl.col("month") < add_months(chosen, readiness.AHEAD),
    )
    taken = members_of(place, set(running["experiment"])).select("account_id")
    found = (
        publish.published(place.engine, READINESS_SCORE.name, [chosen])
        .filter(pl.col("blocked").is_null())
        .join(taken, on="account_id", how="anti")
        .sort("rank")
    )
    if found.is_empty():
        raise ConfigError(
            f"Of the accounts scored in {key_of(chosen)} nobody can be drawn: something blocks them, or they are in "
            f"an experiment that still runs. See: expansion experiment status"
        )
    return found


def _row(
    place: Place, name: str, share: float, listed: pl.DataFrame, drawn: pl.DataFrame
) -> pl.DataFrame:
    held = drawn.filter(arm=experiment.HELD_OUT).height
    base = listed["probability"].mean()
    told = base if isinstance(base, float) else None
    asked = drawn.height - held
    return pl.DataFrame(
        [
            {
                "experiment": name, "month": listed["month"][0], "created_at": place.settings.now(),
                "share": share, "held_out": held, "outreach": asked, "base_rate": told,
                "detectable": None if told is None else experiment.detectable(told, asked, held),
            }
        ],
        schema=EXPERIMENT.schema,
    )  # fmt: skip


def members_of(place: Place, names: Collection[str]) -> pl.DataFrame:
    """EXPERIMENT_MEMBER rows of some experiments."""
    if not names:
        return EXPERIMENT_MEMBER.empty()
    every = publish.published(place.engine, EXPERIMENT_MEMBER.name)
    return every.filter(pl.col("experiment").is_in(list(names)))


def results(place: Place) -> pl.DataFrame:
    """EXPERIMENT_RESULT of every experiment with a closed month after it, made anew and stored; and of programs."""
    kept = publish.published(place.engine, EXPERIMENT.name)
    latest = place.calendar().last_closed
    found = [EXPERIMENT_RESULT.empty()]
    for row in kept.filter(pl.col("month") < latest).to_dicts():
        until = min(latest, add_months(row["month"], readiness.AHEAD))
        found.append(_result(place, row["experiment"], row["month"], until))
    found += estimates(place)
    rows = pl.concat(found)
    _store(place, EXPERIMENT_RESULT, rows)
    return rows


def _result(place: Place, name: str, month: date, until: date) -> pl.DataFrame:
    mine = members_of(place, {name}).lazy().with_columns(month=pl.lit(month))
    after = months_between(add_months(month, 1), until)
    became = readiness.outcomes(mine, known.there(place, MRR_MOVEMENT_COMPONENT, after)).collect()
    effects = [asdict(each) for each in experiment.effects(became)]
    said = {"experiment": name, "month": until, "design": experiment.RANDOMISED}
    return pl.DataFrame([{**each, **said} for each in effects], schema=EXPERIMENT_RESULT.schema)


def _store(place: Place, table: Table, rows: pl.DataFrame) -> None:
    """Replace the rows of the same experiments, months and designs; earlier months stay as they were."""
    stored = table_of(table)
    key = ["experiment", "month", "design"]
    with place.engine.begin() as connection:
        lock_ledger(connection)
        for row in rows.select(key).unique().sort(key).to_dicts():
            mine = and_(*(stored.c[name] == value for name, value in row.items()))
            connection.execute(delete(stored).where(mine))
        insert_rows(connection, table, rows)
