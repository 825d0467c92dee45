"""A published company of two accounts over fourteen months, for the pages: one grows, one shrinks."""

from datetime import UTC, datetime

import polars as pl
from sqlalchemy import Engine, insert

from pipeline.database import table_of
from pipeline.metrics import MetricsSpec, Moves, cohort_growth, cohorts, expansion
from pipeline.money import MICRO, RATE_SCALE
from pipeline.months import add_months
from pipeline.publish import publish_months, replace_table
from pipeline.schemas import ACCOUNT, ALERT_EVALUATION, RESTATEMENT
from tests.metrics.item_books import JANUARY, NO_RATES, one_account_each

MONTHS = tuple(add_months(JANUARY, n) for n in range(14))
LAST = MONTHS[-2]
"""The latest month that is closed."""


def published_company(warehouse: Engine) -> None:
    """Fill the warehouse; the last month is not closed."""
    frames: dict[str, list[pl.DataFrame]] = {}
    for place, month in enumerate(MONTHS):
        for window in (1, 12):
            for name, frame in _month(place, window).items():
                frames.setdefault(name, []).append(frame.with_columns(month=pl.lit(month)))
    publish_months(warehouse, {name: pl.concat(each) for name, each in frames.items()}, MONTHS)
    names = {"acc_0": "Acme", "acc_1": "Bolt"}
    rows = [
        dict.fromkeys(ACCOUNT.names)
        | {"account_id": account, "name": name, "owner": "Ann Lee", "source": "hubspot"}
        for account, name in names.items()
    ]
    replace_table(warehouse, "account", pl.DataFrame(rows, schema=ACCOUNT.schema))
    publish_cohorts(warehouse, dict.fromkeys(range(len(MONTHS)), 4))
    _note(warehouse)


def publish_cohorts(warehouse: Engine, begin: dict[int, int], step: int = 3) -> None:
    """Cohorts beside the two accounts: how many begin at 100 in a month; one in two grows by 10 every `step` months."""
    rows = [
        (
            MONTHS[at],
            f"coh_{born}_{number}",
            "usd",
            (100 + (at - born) // step * 10 * (number % 2)) * MICRO,
        )
        for born, count in begin.items()
        for number in range(count)
        for at in range(born, len(MONTHS))
    ]
    names = ("month", "account_id", "currency", "mrr_native")
    history = pl.LazyFrame(rows, schema=names, orient="row")
    rates = pl.LazyFrame({"month": MONTHS}).with_columns(
        currency=pl.lit("usd"), rate=pl.lit(RATE_SCALE)
    )
    made = {
        "expansion_cohort": cohorts(history, rates, MONTHS),
        "cohort_growth": cohort_growth(history, rates, MONTHS),
    }
    publish_months(warehouse, made, MONTHS)


def _month(place: int, window: int) -> dict[str, pl.DataFrame]:
    opening = 10_000 + 1_000 * place
    month = MONTHS[place]
    book = one_account_each(
        {
            "acc_0": (opening, opening + 1_000),
            "acc_1": (5_000, 4_900),
        },
        month=month,
        window=window,
    )
    moved = book.movement.with_columns(provisional=pl.lit(month == MONTHS[-1]))
    found = expansion(
        Moves(book.snapshot, moved, book.item_movement, book.component),
        NO_RATES,
        book.account,
        MetricsSpec(),
    )
    return {
        "mrr_movement": moved.collect(),
        "mrr_movement_component": book.component.collect(),
        "expansion_metrics": found.expansion_metrics,
        "expansion_by_type": found.expansion_by_type,
    }


def _note(warehouse: Engine) -> None:
    """A breach, and a figure that was restated."""
    at = datetime(2027, 2, 4, tzinfo=UTC)
    judged = dict.fromkeys(ALERT_EVALUATION.names) | {
        "run_id": "run",
        "fingerprint": "expansion-floor|total|all",
        "month": LAST,
        "observed": 0.01,
        "baseline": 0.02,
        "threshold": 0.02,
        "breach": True,
        "at": at,
    }
    changed = {
        "month": LAST,
        "version": 2,
        "dimension": "total",
        "member": "all",
        "metric": "expansion_rate",
        "old": 0.05,
        "new": 0.06,
        "cause": "evidence",
        "evidence": "evt_2, in_<1>",
        "at": at,
    }
    with warehouse.begin() as connection:
        connection.execute(insert(table_of(ALERT_EVALUATION)), [judged])
        connection.execute(insert(table_of(RESTATEMENT)), [changed])
