"""Which months a night computes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine

from pipeline import database
from pipeline.assets import night, touches
from pipeline.config import Band, Benchmarks, Company, Config, Exclude, Mrr, Target
from pipeline.months import Calendar

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CALENDAR = Calendar(now=NOW, first_month=date(2026, 6, 1))
POLICY = "default"


def month(number: int) -> date:
    return date(2026, number, 1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/warehouse.db"
    database.upgrade(url)
    made = database.engine(url)
    yield made
    made.dispose()


def _touch(engine: Engine, reason: night.Reason, first: int, number: int) -> None:
    with engine.begin() as connection:
        night.touch(connection, reason, map(month, range(first, 12)), number)


def _publish(engine: Engine, number: int, *months: int) -> None:
    with engine.begin() as connection:
        numbers = {month(each): number for each in months}
        night.remember_published(connection, numbers, Config())


def test_nothing_before_anybody_paid(engine: Engine) -> None:
    assert night.due(engine, replace(CALENDAR, first_month=None), POLICY) is None
    assert night.first_month(engine) is None


def test_everything_at_first(engine: Engine) -> None:
    _touch(engine, "evidence", 6, 1)
    assert night.first_month(engine) == month(6)
    assert night.due(engine, CALENDAR, POLICY) == night.Range(month(6), month(11))


def test_the_current_month_every_night(engine: Engine) -> None:
    _touch(engine, "evidence", 6, 1)
    _publish(engine, 1, *range(6, 12))
    assert night.due(engine, CALENDAR, POLICY) == night.Range(month(11), month(11))


@pytest.mark.parametrize("reason", night.REASONS)
def test_from_the_earliest_month_that_was_touched(engine: Engine, reason: night.Reason) -> None:
    _touch(engine, "evidence", 6, 1)
    _publish(engine, 1, *range(6, 12))
    _touch(engine, reason, 10, 2)
    _touch(engine, reason, 8, 3)
    assert night.due(engine, CALENDAR, POLICY) == night.Range(month(8), month(11))
    causes, touched_by = night.causes(engine, [month(7), month(8)])
    assert causes == {month(7): "setting", month(8): reason}
    assert touched_by == {}


def _touched_by(engine: Engine, reason: night.Reason, number: int, **since: int) -> None:
    """Ids, and the number of the first month that each touches."""
    rows = [(month(each), id_) for id_, each in since.items()]
    by = pl.DataFrame(rows, schema=touches.TOUCHES, orient="row")
    with engine.begin() as connection:
        night.touch(connection, reason, touches.months(by, CALENDAR), number, by)


def test_what_touched_a_month_is_told_until_it_is_published(engine: Engine) -> None:
    _touch(engine, "evidence", 6, 1)
    _publish(engine, 1, *range(6, 12))
    _touched_by(engine, "evidence", 2, evt_a=8, evt_b=9)
    _touched_by(engine, "link", 3, cus_a=7)
    _touched_by(engine, "evidence", 4, evt_c=9)
    months = [month(each) for each in (6, 7, 8, 9)]
    told = {month(7): "cus_a", month(8): "evt_a", month(9): "evt_c; evt_b, evt_a"}
    assert night.causes(engine, months)[1] == told
    _publish(engine, 3, 8, 9)
    assert night.causes(engine, months)[1] == {month(7): "cus_a", month(9): "evt_c"}
    _publish(engine, 4, 7, 8, 9, 10, 11)
    assert night.causes(engine, months)[1] == {}


def test_of_many_that_touched_a_month_the_latest_are_named(engine: Engine) -> None:
    _touched_by(engine, "evidence", 1, **{f"evt_{n}": n for n in range(1, 9)})
    told = night.causes(engine, [month(6), month(7)])[1]
    assert told[month(6)] == "evt_6, evt_5, evt_4, evt_3, evt_2 and 1 more"
    assert told[month(7)] == "evt_7, evt_6, evt_5, evt_4, evt_3 and 2 more"


def test_a_month_that_was_computed_before_it_was_touched_stays_due(engine: Engine) -> None:
    """A sync that finished while the months were computed is not lost."""
    _touch(engine, "evidence", 6, 1)
    _touch(engine, "evidence", 9, 2)
    _publish(engine, 1, *range(6, 12))
    assert night.due(engine, CALENDAR, POLICY) == night.Range(month(9), month(11))


def test_months_that_a_later_day_of_closing_opens_again(engine: Engine) -> None:
    _touch(engine, "evidence", 6, 1)
    _publish(engine, 1, *range(6, 12))
    for close_day, first in ((3, 11), (30, 10), (60, 9)):
        calendar = replace(CALENDAR, close_day=close_day)
        assert night.due(engine, calendar, POLICY) == night.Range(month(first), month(11))


def test_a_gap_after_a_failed_night_is_filled(engine: Engine) -> None:
    _touch(engine, "evidence", 6, 1)
    _publish(engine, 1, 6, 7, 9, 10, 11)
    assert night.due(engine, CALENDAR, POLICY) == night.Range(month(8), month(11))


@pytest.mark.parametrize(
    "after",
    [
        Config(exclude=Exclude(customers=("cus_test",))),
        Config(targets=(Target(value=0.03),)),
        Config(benchmarks=Benchmarks(monthly_expansion_rate=(Band(name="any"),))),
    ],
    ids=["figures", "targets", "bands"],
)
def test_settings_that_decide_what_is_said_of_months(engine: Engine, after: Config) -> None:
    first, other = night.fingerprint(Config()), night.fingerprint(after)
    assert not night.settings_changed(engine, first), "nothing was computed yet"
    for number, settings in enumerate((first, other, first), start=1):
        with engine.begin() as connection:
            night.remember_settings(connection, settings, number)
        assert not night.settings_changed(engine, settings)
        assert night.settings_changed(engine, other if settings == first else first)


def test_a_file_counts_by_what_it_says(tmp_path: Path) -> None:
    def said(name: str, *rows: str) -> str:
        path = tmp_path / name
        path.write_text("\n".join(("customer_id,date", *rows)))
        return night.fingerprint(Config(mrr=Mrr(first_paid_on=path)))

    first = said("paid.csv", "cus_a,2024-01-31", "cus_b,2024-02-29")
    assert said("paid.csv", "cus_b,2024-02-29", "cus_a,2024-01-31") == first, "in another order"
    assert said("moved.csv", "cus_a,2024-01-31", "cus_b,2024-02-29") == first, "elsewhere"
    assert said("paid.csv", "cus_a,2024-01-30", "cus_b,2024-02-29") != first
    assert said("paid.csv") == night.fingerprint(Config()) != first, "nobody, and no file"


def test_another_currency_or_time_zone_is_another_series(engine: Engine) -> None:
    months = [month(1), month(2)]
    with engine.begin() as connection:
        night.remember_published(connection, {month(1): 1}, Config())
    assert night.in_series(engine, months, Config()) == months, "February was never published"
    for company in (Company(reporting_currency="eur"), Company(timezone="Asia/Tokyo")):
        other = Config(company=company)
        assert night.in_series(engine, months, other) == [month(2)]
    with engine.begin() as connection:
        night.remember_published(connection, {month(1): 2}, other)
    assert night.in_series(engine, months, other) == months
    assert night.in_series(engine, months, Config()) == [month(2)]
