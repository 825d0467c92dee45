"""A month is replaced as a whole; what is read back is what was computed."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from polars.testing import assert_frame_equal
from sqlalchemy import Engine, text

from pipeline.errors import SchemaMismatch
from pipeline.metrics import MetricsSpec, Moves, expansion
from pipeline.months import add_months
from pipeline.publish import publish_months, published, replace_table
from pipeline.schemas import (
    ACCOUNT,
    CRM_DEAL,
    EXPANSION_COHORT,
    EXPANSION_METRICS,
    FX_RATE,
    MRR_MOVEMENT,
    MRR_SNAPSHOT,
)
from tests.metrics.item_books import JANUARY, NO_RATES, Book, books, one_account_each

FEBRUARY = date(2026, 2, 1)


def frames(book: Book) -> dict[str, pl.DataFrame]:
    found = expansion(
        Moves(book.snapshot, book.movement, book.item_movement, book.component),
        NO_RATES,
        book.account,
        MetricsSpec(),
    )
    return {
        "mrr_snapshot": book.snapshot.collect(),
        "mrr_movement": book.movement.collect(),
        "mrr_movement_component": book.component.collect(),
        "expansion_metrics": found.expansion_metrics,
        "expansion_by_type": found.expansion_by_type,
    }


def count(warehouse: Engine, table: str) -> int:
    with warehouse.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_what_is_published_reads_back_to_the_micro_unit(any_warehouse: Engine) -> None:
    book = one_account_each({"a": (999_999_999, 1_000_000_001), "b": (3, 1)})
    third = pl.when(account_id="b").then(pl.col("closing_mrr") + 1).otherwise("closing_mrr")
    shown = frames(book) | {"mrr_movement": book.movement.with_columns(closing_mrr=third).collect()}
    publish_months(any_warehouse, shown, [JANUARY])
    for name, frame in shown.items():
        found = published(any_warehouse, name)
        assert_frame_equal(found, frame.select(found.columns), check_row_order=False)


def test_money_is_in_major_units(any_warehouse: Engine) -> None:
    publish_months(any_warehouse, frames(one_account_each({"a": (100, 150)})), [JANUARY])
    with any_warehouse.connect() as connection:
        amount = connection.execute(text("SELECT amount FROM mrr_movement_component")).scalar_one()
    assert Decimal(str(amount)) == 50


@given(before=books(), after=books())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
def test_publishing_again_replaces_everything_of_the_month(
    warehouse: Engine, before: Book, after: Book
) -> None:
    publish_months(warehouse, frames(before), [JANUARY])
    shown = frames(after)
    inserted = publish_months(warehouse, shown, [JANUARY])
    assert count(warehouse, "expansion_metrics") == shown["expansion_metrics"].height
    assert {name: count(warehouse, name) for name in shown} == inserted


def test_only_the_given_months_change(warehouse: Engine) -> None:
    publish_months(warehouse, frames(one_account_each({"a": (1, 2)})), [JANUARY])
    later = frames(one_account_each({"a": (2, 3)}, month=FEBRUARY))
    publish_months(warehouse, later, [FEBRUARY])
    assert published(warehouse, "mrr_movement")["month"].to_list() == [JANUARY, FEBRUARY]
    publish_months(warehouse, frames(one_account_each({"a": (1, 9)})), [FEBRUARY])
    assert published(warehouse, "mrr_movement")["month"].to_list() == [JANUARY]
    assert published(warehouse, "mrr_movement", [FEBRUARY]).is_empty()


def test_movements_are_published_over_one_month_only(warehouse: Engine) -> None:
    monthly, yearly = one_account_each({"a": (1, 2)}), one_account_each({"a": (1, 5)}, window=12)
    both = pl.concat([monthly.movement, yearly.movement]).collect()
    publish_months(warehouse, {"mrr_movement": both}, [JANUARY])
    assert published(warehouse, "mrr_movement")["closing_mrr"].to_list() == [2_000_000]


def test_a_failure_leaves_the_old_months(warehouse: Engine) -> None:
    publish_months(warehouse, frames(one_account_each({"a": (1, 2)})), [JANUARY])
    broken = frames(one_account_each({"a": (1, 9)}))
    broken["mrr_movement_component"] = broken["mrr_movement_component"].drop("amount")
    with pytest.raises(SchemaMismatch, match="amount"):
        publish_months(warehouse, broken, [JANUARY])
    assert published(warehouse, "mrr_movement")["closing_mrr"].to_list() == [2_000_000]


def test_other_months_of_some_tables_are_shown_at_once(warehouse: Engine) -> None:
    for month in (JANUARY, FEBRUARY):
        publish_months(warehouse, frames(one_account_each({"a": (1, 2)}, month=month)), [month])
    beside = {"mrr_movement": one_account_each({"a": (1, 9)}).movement.collect()}
    later = frames(one_account_each({"a": (1, 5)}, month=FEBRUARY))
    broken = later | {"mrr_movement_component": later["mrr_movement_component"].drop("amount")}
    with pytest.raises(SchemaMismatch, match="amount"):
        publish_months(warehouse, broken, [FEBRUARY], beside=[(beside, [JANUARY])])
    closing = published(warehouse, "mrr_movement")["closing_mrr"].to_list()
    assert closing == [2_000_000, 2_000_000]
    publish_months(warehouse, later, [FEBRUARY], beside=[(beside, [JANUARY])])
    closing = published(warehouse, "mrr_movement")["closing_mrr"].to_list()
    assert closing == [9_000_000, 5_000_000]


def test_items_are_kept_for_so_many_months(warehouse: Engine) -> None:
    months = [add_months(JANUARY, n) for n in range(5)]
    items = pl.concat(
        [one_account_each({"a": (1, 2)}, month=month).snapshot for month in months]
    ).collect()
    publish_months(warehouse, {"mrr_snapshot": items}, months, item_months=3)
    assert published(warehouse, MRR_SNAPSHOT.name)["month"].to_list() == months[2:]


def test_lots_are_published_one_after_the_other_and_items_too_old_not_at_all(
    any_warehouse: Engine,
) -> None:
    months = [add_months(JANUARY, n) for n in range(5)]
    books = [one_account_each({"a": (1, 2 + n)}, month=month) for n, month in enumerate(months)]
    lots = {
        "mrr_snapshot": [book.snapshot for book in books],
        "mrr_movement": [book.movement for book in books],
    }
    for _ in range(2):
        inserted = publish_months(any_warehouse, lots, months, item_months=3)
        assert inserted == {"mrr_snapshot": 3, "mrr_movement": 5}
    assert published(any_warehouse, "mrr_snapshot")["month"].to_list() == months[2:]
    found = published(any_warehouse, "mrr_movement")
    assert found["closing_mrr"].to_list() == [(2 + n) * 1_000_000 for n in range(5)]


def test_cohorts_are_replaced_by_the_month_their_age_falls_in(any_warehouse: Engine) -> None:
    def row(month: date, age: int, accounts: int) -> dict:
        known = {"month": add_months(month, age), "cohort_month": month, "age_months": age}
        return dict.fromkeys(EXPANSION_COHORT.names, 0) | known | {"accounts": accounts}

    old = [row(JANUARY, 0, 1), row(JANUARY, 1, 1), row(FEBRUARY, 0, 1)]
    frame = pl.DataFrame(old, schema=EXPANSION_COHORT.schema)
    publish_months(any_warehouse, {"expansion_cohort": frame}, [JANUARY, FEBRUARY])
    again = pl.DataFrame([row(FEBRUARY, 0, 7)], schema=EXPANSION_COHORT.schema)
    publish_months(any_warehouse, {"expansion_cohort": again}, [FEBRUARY])
    found = published(any_warehouse, "expansion_cohort")
    assert found.select("cohort_month", "age_months", "accounts").rows() == [
        (JANUARY, 0, 1),
        (FEBRUARY, 0, 7),
    ]


def test_a_table_is_replaced_as_a_whole(warehouse: Engine) -> None:
    first = pl.DataFrame([{"account_id": "a"}, {"account_id": "b"}]).with_columns(
        pl.lit(None).alias(name) for name in ACCOUNT.names[1:]
    )
    assert replace_table(warehouse, "account", first) == 2
    assert replace_table(warehouse, "account", first.tail(1)) == 1
    assert published(warehouse, "account")["account_id"].to_list() == ["b"]
    assert replace_table(warehouse, "account", ACCOUNT.empty()) == 0


def test_rates_keep_twelve_decimals(any_warehouse: Engine) -> None:
    frame = pl.DataFrame(
        [(JANUARY, "eur", 1_080_000_000_001, "ecb", None, True)],
        schema=FX_RATE.schema,
        orient="row",
    )
    replace_table(any_warehouse, "fx_rate", frame)
    assert_frame_equal(published(any_warehouse, "fx_rate"), frame.drop("rated_on"))


ODD = (
    "",
    '"',
    "a,b",
    "line\nbreak",
    "\\N",
    "\\.",
    "NULL",
    "tab\t",
    "é 漢 😀",
    "' or 1=1",
    " spaces ",
    None,
)
"""What a name may be, and what a file format could take for something else."""


def test_any_text_instant_and_share_reads_back(any_warehouse: Engine) -> None:
    at = datetime(2026, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC)
    deals = pl.DataFrame(
        [
            {
                "deal_id": str(number),
                "type": written,
                "amount": None if number % 2 else -number,
                "created": at if number % 3 else None,
                "won": (True, False, None)[number % 3],
            }
            for number, written in enumerate(ODD)
        ],
        schema={
            name: CRM_DEAL.schema[name] for name in ("deal_id", "type", "amount", "created", "won")
        },
    )
    whole = deals.with_columns(
        pl.lit(None, dtype=CRM_DEAL.schema[name]).alias(name)
        for name in CRM_DEAL.names
        if name not in deals.columns
    )
    replace_table(any_warehouse, "crm_deal", whole)
    found = published(any_warehouse, "crm_deal").select(deals.columns)
    assert_frame_equal(found, deals, check_row_order=False)
    shares = (0.1 + 0.2, 1e-300, -1 / 3, None)
    cohorts = pl.DataFrame(
        [
            dict.fromkeys(EXPANSION_COHORT.names)
            | {"month": JANUARY, "cohort_month": JANUARY, "age_months": age, "nrr": share}
            for age, share in enumerate(shares)
        ],
        schema=EXPANSION_COHORT.schema,
    )
    replace_table(any_warehouse, "expansion_cohort", cohorts)
    stored = published(any_warehouse, "expansion_cohort").sort("age_months")
    assert stored["nrr"].to_list() == list(shares)


def test_what_is_no_table_of_the_warehouse_is_named(warehouse: Engine) -> None:
    with pytest.raises(SchemaMismatch, match="raw_record"):
        replace_table(warehouse, "raw_record", pl.DataFrame())
    with pytest.raises(SchemaMismatch, match="account"):
        publish_months(warehouse, {"account": ACCOUNT.empty()}, [JANUARY])


def test_every_published_column_is_stored(warehouse: Engine) -> None:
    publish_months(warehouse, frames(one_account_each({"a": (1, 2)})), [JANUARY])
    assert published(warehouse, "expansion_metrics").columns == list(EXPANSION_METRICS.published)
    assert published(warehouse, "mrr_movement").columns == list(MRR_MOVEMENT.published)
