"""What a night asks of earlier nights is all that it needs, however many there were."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import Engine, insert

from pipeline.alerts.delivery.frames import read
from pipeline.alerts.delivery.known import known
from pipeline.config import AlertRule
from pipeline.database import engine, reading, table_of
from pipeline.months import Calendar, add_months
from pipeline.schemas import ALERT_EVALUATION
from tests.alerts.alert_figures import JANUARY

NOW = datetime(2027, 6, 4, 3, tzinfo=UTC)
MONTHS = [add_months(JANUARY, place) for place in range(17)]
CALENDAR = Calendar(now=NOW, first_month=JANUARY)
PACING = AlertRule(id="pace", kind="pacing", months=4)
ORDER = ("fingerprint", "month")


@pytest.fixture
def nights(address: str) -> Iterator[Engine]:
    """A warehouse with hundreds of nights' evaluations, some restated, some suppressed, some of the open month."""
    made = engine(address)
    dice = random.Random(7)
    rows = [_row(dice, night) for night in range(600)]
    unique = {(row["run_id"], row["fingerprint"], row["month"]): row for row in rows}
    with made.begin() as connection:
        connection.execute(insert(table_of(ALERT_EVALUATION)), list(unique.values()))
    yield made
    made.dispose()


def _row(dice: random.Random, night: int) -> dict[str, object]:
    pace = dice.random() < 0.2
    return dict.fromkeys(ALERT_EVALUATION.names) | {
        "run_id": f"run {night}",
        "fingerprint": "pace|total|all" if pace else f"floor|segment|{dice.choice('abc')}",
        "month": dice.choice(MONTHS),
        "observed": dice.random(),
        "breach": not pace and dice.random() < 0.5,
        "guard": None if pace else dice.choice([None, None, "suppressed", "no_data"]),
        "data_version": None if pace else dice.randint(1, 3),
        "at": NOW - timedelta(hours=20 * night),
    }


def test_the_latest_verdict_of_each_month_is_known(nights: Engine) -> None:
    with reading(nights) as connection:
        everything = read(connection, ALERT_EVALUATION)
        found = known(connection, (), CALENDAR).evaluated
    judged = everything.filter(
        pl.col("data_version").is_not_null(), pl.col("guard").ne_missing("suppressed")
    )
    latest = (
        judged.sort("data_version", "at")
        .unique(ORDER, keep="last", maintain_order=True)
        .select(*ORDER, "data_version", "breach", "at")
    )
    assert found.select(latest.columns).sort(ORDER).equals(latest.sort(ORDER))
    assert found.height <= 3 * len(MONTHS) < everything.height / 4


def test_pacing_knows_every_night_of_the_months_that_it_compares_with(nights: Engine) -> None:
    with reading(nights) as connection:
        everything = read(connection, ALERT_EVALUATION)
        found = known(connection, (PACING,), CALENDAR).evaluated
    paces = found.filter(fingerprint="pace|total|all").sort("run_id")
    since = date(2027, 2, 1)
    expected = everything.filter(pl.col("month") >= since, fingerprint="pace|total|all")
    assert paces.height > 0
    assert paces.equals(expected.sort("run_id"))
