"""A closed month whose figures change gets the next version, and says what changed."""

from datetime import UTC, date, datetime

import polars as pl
from sqlalchemy import Engine

from pipeline.metrics import MetricsSpec, Moves, expansion
from pipeline.publish import publish_months, published, restate
from pipeline.schemas import EXPANSION_METRICS, RESTATEMENT
from tests.metrics.item_books import JANUARY, NO_RATES, one_account_each

AT = datetime(2026, 3, 1, tzinfo=UTC)
FEBRUARY = date(2026, 2, 1)


def metrics(closing: int, *, month: date = JANUARY, window: int = 1) -> pl.DataFrame:
    book = one_account_each({"a": (100, closing), "b": (50, 50)}, month=month, window=window)
    return expansion(
        Moves(book.snapshot, book.movement, book.item_movement, book.component),
        NO_RATES,
        book.account,
        MetricsSpec(),
    ).expansion_metrics


def figures(rows: pl.DataFrame) -> dict[str, tuple[float | None, float | None]]:
    total = rows.filter(dimension="total")
    return {row["metric"]: (row["old"], row["new"]) for row in total.iter_rows(named=True)}


def test_nothing_published_before_is_version_one() -> None:
    found, rows = restate(EXPANSION_METRICS.empty(), metrics(150), [JANUARY], "evidence", AT)
    assert set(found["version"]) == {1}
    assert rows.is_empty()
    assert rows.schema == RESTATEMENT.schema


def test_the_same_figures_are_no_new_version() -> None:
    published_before = metrics(150).with_columns(version=3)
    found, rows = restate(published_before, metrics(150), [JANUARY], "evidence", AT)
    assert set(found["version"]) == {3}
    assert rows.is_empty()


def test_a_changed_figure_is_the_next_version_and_is_listed() -> None:
    found, rows = restate(metrics(150), metrics(140), [JANUARY], "link", AT, "evt_1")
    assert set(found["version"]) == {2}
    assert figures(rows)["expansion_mrr"] == (50.0, 40.0)
    assert figures(rows)["ending_mrr"] == (200.0, 190.0)
    assert figures(rows)["expansion_rate"] == (50 / 150, 40 / 150)
    assert "starting_mrr" not in figures(rows)
    assert set(rows.select("version", "cause", "evidence", "at").rows()) == {
        (2, "link", "evt_1", AT)
    }
    assert rows.select(RESTATEMENT.key).is_unique().all()


def test_each_month_has_its_own_cause_and_evidence() -> None:
    before = pl.concat([metrics(150), metrics(150, month=FEBRUARY)])
    after = pl.concat([metrics(140), metrics(151, month=FEBRUARY)])
    told = {JANUARY: "cus_1, cus_2"}
    _, rows = restate(before, after, [JANUARY, FEBRUARY], {JANUARY: "link"}, AT, told)
    assert set(rows.select("month", "cause", "evidence").rows()) == {
        (JANUARY, "link", "cus_1, cus_2"),
        (FEBRUARY, "code", None),
    }


def test_a_member_that_appears_had_nothing() -> None:
    other = metrics(150).with_columns(
        member=pl.when(dimension="plan").then(pl.lit("Other")).otherwise("member")
    )
    _, rows = restate(other, metrics(150), [JANUARY], "code", AT)
    ending = rows.filter(dimension="plan", metric="ending_mrr").select("member", "old", "new")
    (name,) = metrics(150).filter(dimension="plan").get_column("member").unique()
    assert set(ending.rows()) == {("Other", 200.0, None), (name, None, 200.0)}


def test_a_dimension_that_is_set_up_or_taken_away_is_no_version() -> None:
    without = metrics(150).filter(pl.col("dimension") != "plan")
    for old, new in ((without, metrics(150)), (metrics(150), without)):
        found, rows = restate(old, new, [JANUARY], "code", AT)
        assert set(found["version"]) == {1}
        assert rows.is_empty()


def test_beside_a_new_dimension_the_others_are_restated() -> None:
    without = metrics(150).filter(pl.col("dimension") != "plan")
    found, rows = restate(without, metrics(140), [JANUARY], "code", AT)
    assert set(found["version"]) == {2}
    assert "plan" not in set(rows["dimension"])
    assert figures(rows)["expansion_mrr"] == (50.0, 40.0)


def test_an_open_month_is_not_restated() -> None:
    found, rows = restate(metrics(150), metrics(140), [], "evidence", AT)
    assert set(found["version"]) == {1}
    assert rows.is_empty()


def test_a_month_that_was_provisional_when_published_is_not_restated() -> None:
    before = metrics(150).with_columns(provisional=pl.lit(value=True))
    found, rows = restate(before, metrics(140), [JANUARY], "evidence", AT)
    assert set(found["version"]) == {1}
    assert rows.is_empty()


def test_another_policy_is_a_new_series() -> None:
    after = metrics(140).with_columns(policy=pl.lit("stripe"))
    found, rows = restate(metrics(150), after, [JANUARY], "code", AT)
    assert set(found["version"]) == {1}
    assert rows.is_empty()


def test_only_the_month_that_changed_gets_a_version() -> None:
    before = pl.concat([metrics(150), metrics(150, month=FEBRUARY)])
    after = pl.concat([metrics(150), metrics(151, month=FEBRUARY)])
    found, rows = restate(before, after, [JANUARY, FEBRUARY], "evidence", AT)
    versions = dict(found.group_by("month").agg(pl.col("version").max()).rows())
    assert versions == {JANUARY: 1, FEBRUARY: 2}
    assert set(rows["month"]) == {FEBRUARY}


def test_figures_of_longer_windows_are_named() -> None:
    _, rows = restate(metrics(150, window=12), metrics(140, window=12), [JANUARY], "evidence", AT)
    assert figures(rows)["expansion_mrr_12m"] == (50.0, 40.0)


def test_through_the_warehouse_and_back(warehouse: Engine) -> None:
    for closing, version in ((150, 1), (150, 1), (140, 2), (140, 2)):
        before = published(warehouse, "expansion_metrics", [JANUARY])
        found, rows = restate(before, metrics(closing), [JANUARY], "evidence", AT)
        publish_months(warehouse, {"expansion_metrics": found}, [JANUARY], restatements=rows)
        assert set(published(warehouse, "expansion_metrics")["version"]) == {version}
    assert set(published(warehouse, "restatement")["version"]) == {2}
