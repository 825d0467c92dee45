"""Which months a night computes: those that evidence, links or a setting touched since they were published.

Belongs here: the rows of the table `generation` that this is remembered in, beside the timeline's own counter. Each is
a number of the timeline's generation, so that it can be written in the transaction that moves it:
`evidence/2026-10`, `link/2026-10`, `setting/2026-10` say at which generation a month was last touched,
`published/2026-10` at which it was computed when it was last published, `attributed/2026-10` at which its attribution
became another without the month itself, which is to be published, `settings/<hash>` when the configuration that
figures depend on came into force, `series/2026-10/usd/UTC` in which series a month was last published,
`shape/2026-10/<hash>` with which tables and columns.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import polars as pl
from sqlalchemy import Connection, Engine, delete, func, insert, select

from pipeline.assets import touches
from pipeline.assets.migrated import first_paid_on
from pipeline.config import Config
from pipeline.database import generation, lake_object, reading, table_of
from pipeline.months import Calendar, key_of, month_of, months_between
from pipeline.schemas import EXPANSION_METRICS, SCORED, TABLES, Table

TIMELINE = "timeline"
"""The counter that moves when the evidence says something new."""

Reason = Literal["evidence", "link", "setting"]
REASONS: tuple[Reason, ...] = ("evidence", "link", "setting")
PUBLISHED = "published"
ATTRIBUTED = "attributed"
SETTINGS = "settings"
SERIES = "series"
SHAPE = "shape"
DECIDING: dict[str, Any] = {
    "company": {"reporting_currency", "timezone", "first_month"},
    "exclude": True,
    "mrr": True,
    "dimensions": True,
    "targets": True,
    "benchmarks": True,
}
"""The settings that change what is said of every month: its figures, or what they are held against."""


@dataclass(frozen=True, slots=True)
class Range:
    """The months of one run, both ends included."""

    first: date
    last: date

    @property
    def months(self) -> list[date]:
        """Every month of the range."""
        return months_between(self.first, self.last)

    @property
    def keys(self) -> tuple[str, str]:
        """The keys of both ends."""
        return key_of(self.first), key_of(self.last)


def first_month(engine: Engine) -> date | None:
    """The earliest month that was ever touched; None before the first sync."""
    with reading(engine) as connection:
        touched = [month for reason in REASONS for month in _numbers(connection, reason)]
    return min(touched, default=None)


def touch(
    connection: Connection,
    reason: Reason,
    months: Collection[date],
    number: int,
    by: pl.DataFrame | None = None,
) -> None:
    """Remember, inside the caller's transaction, that `months` were touched at the timeline's generation `number`.

    Args:
        connection: the transaction.
        reason: why.
        months: which.
        number: the generation.
        by: TOUCHES, what touched them; null where no record, customer or account did.
    """
    for month in months:
        _set(connection, f"{reason}/{key_of(month)}", number)
    if by is not None:
        touches.note(connection, reason, months, by, number)


def settings_changed(engine: Engine, settings: str) -> bool:
    """Whether figures were computed under other settings than those of this fingerprint last."""
    with reading(engine) as connection:
        known = _rows(connection, SETTINGS)
    return bool(known) and max(known, key=lambda name: known[name]) != settings


def remember_settings(connection: Connection, settings: str, number: int) -> None:
    """Remember, inside the caller's transaction, which settings are in force from the generation `number` on."""
    known = _rows(connection, SETTINGS)
    if not known or max(known, key=lambda name: known[name]) != settings:
        _set(connection, f"{SETTINGS}/{settings}", number)


def fingerprint(config: Config) -> str:
    """Changes when what is said of past months would: of `mrr.first_paid_on` counts what the file says.

    Raises:
        ConfigError: that file cannot be used.
    """
    told = config.model_dump_json(include=DECIDING, exclude={"mrr": {"first_paid_on"}})
    migrated = json.dumps(first_paid_on(config.mrr.first_paid_on), sort_keys=True)
    return hashlib.sha256(f"{told}\n{migrated}".encode()).hexdigest()[:16]


def due(engine: Engine, calendar: Calendar, policy: str) -> Range | None:
    """The months to compute now, always with the current one; None when there is no history yet.

    A month is due when it was never published, was touched since, is not closed or was not when it was published,
    follows another policy, or lacks a table or a column of this version.
    """
    if calendar.first_month is None:
        return None
    with reading(engine) as connection:
        published = _numbers(connection, PUBLISHED)
        touched = {reason: _numbers(connection, reason) for reason in REASONS}
        shown = _shown(connection)
        names = [name.split("/", 1) for name in _rows(connection, SHAPE)]
    shaped = {month_of(key) for key, shape in names if shape == _shape()}
    fresh = {
        month
        for month, number in published.items()
        if month in shaped
        and calendar.is_closed(month)
        and all(number >= touched[reason].get(month, 0) for reason in REASONS)
        and shown.get(month, (False, policy)) == (False, policy)
    }
    first = min(
        (month for month in calendar.months if month not in fresh), default=calendar.current
    )
    return Range(min(first, calendar.current), calendar.current)


def causes(engine: Engine, months: Collection[date]) -> tuple[dict[date, Reason], dict[date, str]]:
    """Why each of `months` differs from what was published, and what touched it, where ids tell that.

    The reason is `setting` also for a change of the code.
    """
    with reading(engine) as connection:
        published = _numbers(connection, PUBLISHED)
        touched = {reason: _numbers(connection, reason) for reason in REASONS}

    def cause(month: date) -> Reason:
        known = published.get(month, 0)
        moved = (reason for reason in REASONS if touched[reason].get(month, 0) > known)
        return next(moved, "setting")

    reasons = {month: cause(month) for month in months}
    return reasons, touches.noted(engine, reasons, published)


def computed_at(engine: Engine, months: Iterable[date]) -> dict[date, int]:
    """The generation of the timeline that each month's objects were computed from; the oldest counts."""
    keys = {key_of(month): month for month in months}
    tables = [table.name for table in _of_figures()]
    query = (
        select(lake_object.c.partition, func.min(lake_object.c.generation))
        .where(lake_object.c.live, lake_object.c.table_name.in_(tables))
        .group_by(lake_object.c.partition)
    )
    with reading(engine) as connection:
        found = connection.execute(query).all()
    return {keys[key]: number for key, number in found if key in keys}


def remember_published(connection: Connection, numbers: Mapping[date, int], config: Config) -> None:
    """Remember, inside the caller's transaction, at which generation the published months were computed."""
    for month, number in numbers.items():
        touches.forget(connection, month, number)
        _set(connection, f"{PUBLISHED}/{key_of(month)}", number)
        for prefix, now in ((SERIES, _series(config)), (SHAPE, _shape())):
            earlier = generation.c.name.startswith(f"{prefix}/{key_of(month)}/", autoescape=True)
            connection.execute(delete(generation).where(earlier))
            _set(connection, f"{prefix}/{key_of(month)}/{now}", number)


def note_attributed(connection: Connection, months: Iterable[date], number: int) -> None:
    """Remember, inside the caller's transaction, that the attribution of `months` waits to be published."""
    for month in months:
        _set(connection, f"{ATTRIBUTED}/{key_of(month)}", number)


def attributed(engine: Engine) -> dict[date, int]:
    """The months whose attribution waits to be published, and at which generation it was computed."""
    with reading(engine) as connection:
        return _numbers(connection, ATTRIBUTED)


def forget_attributed(connection: Connection, numbers: Mapping[date, int]) -> None:
    """Forget, inside the caller's transaction, what was published, unless it was computed again since."""
    for month, number in numbers.items():
        connection.execute(
            delete(generation).where(
                generation.c.name == f"{ATTRIBUTED}/{key_of(month)}", generation.c.number == number
            )
        )


def in_series(engine: Engine, months: Iterable[date], config: Config) -> list[date]:
    """Those of `months` that were published under the same reporting currency and time zone, or never.

    Another one starts a new series, whose figures are not compared with those before.
    """
    with reading(engine) as connection:
        known = dict(name.split("/", 1) for name in _rows(connection, SERIES))
    now = _series(config)
    return [month for month in months if known.get(key_of(month), now) == now]


def other_series(
    engine: Engine, months: Iterable[date], policy: str, config: Config
) -> tuple[str, str] | None:
    """In words, the series that the latest of `months` was published in, and the one that is in force now.

    None where every month that was published follows the one in force.
    """
    with reading(engine) as connection:
        shown = _shown(connection)
        known = dict(name.split("/", 1) for name in _rows(connection, SERIES))
    now = (policy, _series(config))
    was = [
        (shown[month][1], known[key_of(month)])
        for month in sorted(months)
        if month in shown and key_of(month) in known
    ]
    others = [each for each in was if each != now]
    return (_in_words(*others[-1]), _in_words(*now)) if others else None


def _in_words(policy: str, series: str) -> str:
    currency, timezone = series.split("/", 1)
    return f"policy {policy}, {currency.upper()}, times in {timezone}"


def _shape() -> str:
    """Changes with the tables of months and their columns."""
    told = [f"{table.name} {table.schema}" for table in _of_figures()]
    return hashlib.sha256("\n".join(sorted(told)).encode()).hexdigest()[:16]


def _of_figures() -> list[Table]:
    """The tables that every computed month has; scores are those of the newest closed month."""
    return [table for table in TABLES.values() if table.partitioned and table not in SCORED]


def _series(config: Config) -> str:
    return f"{config.company.reporting_currency}/{config.company.timezone}"


def _shown(connection: Connection) -> dict[date, tuple[bool, str]]:
    metrics = table_of(EXPANSION_METRICS)
    rows = connection.execute(
        select(metrics.c.month, metrics.c.provisional, metrics.c.policy).where(
            metrics.c.dimension == "total", metrics.c.window_months == 1
        )
    )
    return {month: (provisional, policy) for month, provisional, policy in rows}


def _numbers(connection: Connection, prefix: str) -> dict[date, int]:
    return {month_of(name): number for name, number in _rows(connection, prefix).items()}


def _rows(connection: Connection, prefix: str) -> dict[str, int]:
    rows = connection.execute(
        select(generation.c.name, generation.c.number).where(
            generation.c.name.startswith(f"{prefix}/", autoescape=True)
        )
    )
    return {name.removeprefix(f"{prefix}/"): number for name, number in rows}


def _set(connection: Connection, name: str, number: int) -> None:
    connection.execute(delete(generation).where(generation.c.name == name))
    connection.execute(insert(generation).values(name=name, number=number))
