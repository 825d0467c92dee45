"""Dimensions as of the month: a movement is the opening's, what changed hands is a transfer."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Dimensions
from pipeline.crm.past import touched
from pipeline.metrics import (
    Metrics,
    MetricsSpec,
    Moves,
    Past,
    check_members,
    check_types,
    expansion,
    inferred,
)
from pipeline.months import Calendar
from pipeline.schemas import ACCOUNT, ACCOUNT_HISTORY
from tests.metrics.item_books import JANUARY, NO_RATES, Book, books, frame, one_account_each

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = Calendar(now=datetime(2026, 4, 10, tzinfo=UTC))
SPEC = MetricsSpec(
    dimensions=Dimensions(
        account=("segment", "owner", "industry", "country", "channel", "cohort"),
        crossed=(("owner", "industry"), ("segment", "owner")),
    )
)
Told = Mapping[tuple[str, str, datetime], str | None]
"""(account, field, since) -> value."""


def history(told: Told) -> pl.LazyFrame:
    rows = [(*key, value) for key, value in told.items()]
    return pl.LazyFrame(rows, schema=ACCOUNT_HISTORY.schema, orient="row")


def present(told: Told) -> pl.LazyFrame:
    """The accounts whose present is the last of what is told."""
    rows: dict[str, dict[str, Any]] = {
        f"acc_{n}": {"account_id": f"acc_{n}", "source": "hubspot"} for n in range(6)
    }
    for (account, field, _), value in sorted(told.items(), key=lambda each: each[0][2]):
        rows[account][field] = value
    return frame(ACCOUNT.schema, list(rows.values()))


def metrics_of(book: Book, told: Told, calendar: Calendar = LATER) -> Metrics:
    parts = (book.snapshot, book.movement, book.item_movement, book.component)
    return expansion(Moves(*parts), NO_RATES, present(told), SPEC, Past(history(told), calendar))


def members(found: Metrics, dimension: str, window: int = 1) -> dict[str, tuple[int, ...]]:
    """member -> starting, expansion, transfers in and out, ending, in major units."""
    columns = (
        "starting_mrr", "expansion_mrr", "transfer_in_mrr", "transfer_out_mrr", "ending_mrr",
    )  # fmt: skip
    rows = found.expansion_metrics.filter(dimension=dimension, window_months=window)
    return {
        row["member"]: tuple(row[column] // 1_000_000 for column in columns)
        for row in rows.iter_rows(named=True)
    }


def test_an_account_that_changed_hands_in_the_month_grew_under_its_owner_of_the_opening() -> None:
    told = {("acc_0", "owner", BEGIN - DAY): "Ann", ("acc_0", "owner", BEGIN + 9 * DAY): "Bob"}
    found = metrics_of(one_account_each({"acc_0": (100, 150)}), told)
    assert members(found, "owner") == {"Ann": (100, 50, 0, 150, 0), "Bob": (0, 0, 150, 0, 150)}
    types = found.expansion_by_type.filter(dimension="owner")
    assert types.select("member", "type", "amount").rows() == [("Ann", "seat", 50_000_000)]


def test_who_owns_it_today_does_not_own_its_past() -> None:
    told = {("acc_0", "owner", BEGIN - DAY): "Ann", ("acc_0", "owner", END + DAY): "Bob"}
    found = metrics_of(one_account_each({"acc_0": (100, 150)}), told)
    assert members(found, "owner") == {"Ann": (100, 50, 0, 0, 150)}


def test_an_end_shows_what_became_so_before_it() -> None:
    told = {("acc_0", "owner", BEGIN - DAY): "Ann", ("acc_0", "owner", BEGIN): "Bob"}
    found = metrics_of(one_account_each({"acc_0": (100, 100)}), told)
    assert members(found, "owner") == {"Ann": (100, 0, 0, 100, 0), "Bob": (0, 0, 100, 0, 100)}


def test_before_the_first_known_value_the_earliest_holds() -> None:
    told = {("acc_0", "owner", END + DAY): "Ann", ("acc_0", "owner", END + 2 * DAY): "Bob"}
    found = metrics_of(one_account_each({"acc_0": (100, 150)}), told)
    assert members(found, "owner") == {"Ann": (100, 50, 0, 0, 150)}


def test_a_new_account_is_its_first_owner_s_and_an_emptied_owner_is_unknown() -> None:
    told = {
        ("acc_0", "owner", BEGIN + DAY): "Ann",
        ("acc_0", "owner", BEGIN + 2 * DAY): "Bob",
        ("acc_1", "owner", BEGIN - DAY): "Ann",
        ("acc_1", "owner", BEGIN + DAY): None,
    }
    found = metrics_of(one_account_each({"acc_0": (0, 150), "acc_1": (10, 10)}), told)
    assert members(found, "owner") == {
        "Ann": (10, 0, 0, 10, 0),
        "Bob": (0, 0, 0, 0, 150),
        "unknown": (0, 0, 10, 0, 10),
    }


def test_a_window_begins_with_the_members_of_its_own_opening() -> None:
    told = {
        ("acc_0", "owner", datetime(2025, 3, 1, tzinfo=UTC)): "Ann",
        ("acc_0", "owner", datetime(2025, 11, 15, tzinfo=UTC)): "Bob",
        ("acc_0", "owner", datetime(2025, 12, 15, tzinfo=UTC)): "Cat",
    }
    openers = {1: "Cat", 2: "Bob", 3: "Ann"}
    for window, opener in openers.items():
        found = metrics_of(one_account_each({"acc_0": (100, 150)}, window=window), told)
        grown = {name for name, row in members(found, "owner", window).items() if row[1] == 50}
        assert grown == {opener}


def test_crossed_members_change_where_either_does() -> None:
    told = {
        ("acc_0", "owner", BEGIN - DAY): "Ann",
        ("acc_0", "industry", BEGIN - DAY): "retail",
        ("acc_0", "industry", BEGIN + DAY): "software",
    }
    found = metrics_of(one_account_each({"acc_0": (100, 150)}), told)
    assert members(found, "owner+industry") == {
        "Ann + retail": (100, 50, 0, 150, 0),
        "Ann + software": (0, 0, 150, 0, 150),
    }


def test_crossed_members_that_read_alike_are_one() -> None:
    """A key of the warehouse cannot be there twice, whatever people call an owner."""
    told = {
        ("acc_0", "owner", BEGIN - DAY): "A",
        ("acc_0", "industry", BEGIN - DAY): "B + C",
        ("acc_1", "owner", BEGIN - DAY): "A + B",
        ("acc_1", "industry", BEGIN - DAY): "C",
    }
    found = metrics_of(one_account_each({"acc_0": (100, 150), "acc_1": (10, 12)}), told)
    assert members(found, "owner+industry") == {"A + B + C": (110, 52, 0, 0, 162)}
    by_type = found.expansion_by_type.filter(dimension="owner+industry")
    assert by_type.select("member", "accounts").rows() == [("A + B + C", 2)]


def test_the_running_month_ends_now() -> None:
    told = {("acc_0", "owner", BEGIN - DAY): "Ann", ("acc_0", "owner", BEGIN + 9 * DAY): "Bob"}
    book = one_account_each({"acc_0": (100, 150)})
    before, after = (
        metrics_of(book, told, Calendar(now=BEGIN + timedelta(days=days))) for days in (8, 9)
    )
    assert members(before, "owner") == {"Ann": (100, 50, 0, 0, 150)}
    assert members(after, "owner") == {"Ann": (100, 50, 0, 150, 0), "Bob": (0, 0, 150, 0, 150)}


def test_months_end_in_the_reporting_time_zone() -> None:
    told = {
        ("acc_0", "owner", BEGIN - DAY): "Ann",
        ("acc_0", "owner", END - timedelta(minutes=30)): "Bob",
    }
    book = one_account_each({"acc_0": (100, 150)})
    berlin = Calendar(now=LATER.now, timezone="Europe/Berlin")
    assert set(members(metrics_of(book, told), "owner")) == {"Ann", "Bob"}
    assert set(members(metrics_of(book, told, berlin), "owner")) == {"Ann"}


def test_members_that_are_only_inferred_are_counted_by_month_and_dimension() -> None:
    told = {
        ("acc_0", "owner", END): "Ann",
        ("acc_1", "owner", END - DAY): "Ann",
        ("acc_2", "owner", END + DAY): None,
        ("acc_0", "country", END + DAY): "DE",
        ("acc_3", "owner", END + DAY): "Ann",
    }
    book = one_account_each(
        {"acc_0": (100, 150), "acc_1": (10, 10), "acc_2": (10, 10), "acc_3": (10, 0)}
    )
    found = inferred(book.movement, present(told), Past(history(told), LATER))
    assert found.rows() == [
        (JANUARY, "country", 1, 150_000_000),
        (JANUARY, "owner", 1, 150_000_000),
    ]
    own = present(told).with_columns(source=pl.lit("stripe"))
    assert inferred(book.movement, own, Past(history(told), LATER)).is_empty()


moments = st.sampled_from(
    [
        datetime(2024, 6, 1, tzinfo=UTC),
        datetime(2025, 1, 1, tzinfo=UTC),
        datetime(2025, 6, 1, tzinfo=UTC),
        BEGIN - DAY,
        BEGIN,
        BEGIN + 9 * DAY,
        END,
        END + 9 * DAY,
    ]
)
histories = st.dictionaries(
    st.tuples(
        st.sampled_from([f"acc_{n}" for n in range(6)]),
        st.sampled_from(["owner", "industry", "country"]),
        moments,
    ),
    st.sampled_from(["one", "two", None]),
    max_size=12,
)


@given(book=books(), told=histories)
def test_every_identity_holds_whatever_changed_hands(book: Book, told: Told) -> None:
    found = metrics_of(book, told)
    figures = found.expansion_metrics.lazy()
    assert check_members(figures).is_empty()
    assert check_types(figures, found.expansion_by_type.lazy()).is_empty()


def held(told: Told, account: str, field: str, end: datetime) -> str:
    """The member before an end, said without frames."""
    own = sorted(
        (at, value) for (one, name, at), value in told.items() if (one, name) == (account, field)
    )
    known = [value for at, value in own if at < end] or [value for _, value in own[:1]]
    return (known[-1:] or [None])[0] or "unknown"


@given(book=books(), told=histories)
def test_an_opening_belongs_to_the_member_of_that_time_and_an_ending_too(
    book: Book, told: Told
) -> None:
    found = metrics_of(book, told).expansion_metrics
    openings = {1: BEGIN, 12: datetime(2025, 2, 1, tzinfo=UTC)}
    for field in ("owner", "country"):
        starting: dict[tuple[int, str], int] = {}
        ending: dict[tuple[int, str], int] = {}
        for row in book.movement.collect().iter_rows(named=True):
            account, window = row["account_id"], row["window_months"]
            opener, closer = (held(told, account, field, at) for at in (openings[window], END))
            base = closer if row["movement"] in {"new", "reactivation"} else opener
            last = closer if row["closing_mrr"] else base
            starting[window, base] = starting.get((window, base), 0) + row["opening_mrr"]
            ending[window, last] = ending.get((window, last), 0) + row["closing_mrr"]
        rows = found.filter(dimension=field).rows(named=True)
        for amounts, name in ((starting, "starting_mrr"), (ending, "ending_mrr")):
            assert {
                (row["window_months"], row["member"]): row[name] for row in rows if row[name]
            } == {key: amount for key, amount in amounts.items() if amount}


@given(book=books(), was=histories, now=histories)
def test_a_month_that_a_new_history_does_not_touch_keeps_its_figures(
    book: Book, was: Told, now: Told
) -> None:
    """What is learnt tonight of today restates nothing; `touched` names what it does restate."""
    since = dict(touched(history(was), history(now)).collect().iter_rows())
    untouched = [
        f"acc_{n}"
        for n in range(6)
        if f"acc_{n}" not in since or (since[f"acc_{n}"] and since[f"acc_{n}"] >= END)
    ]
    mine = pl.col("account_id").is_in(untouched)
    parts = (book.snapshot, book.movement, book.item_movement, book.component)
    rest = Book(*(part.filter(mine) for part in parts), book.account)
    before, after = metrics_of(rest, was), metrics_of(rest, now)
    assert before.expansion_metrics.equals(after.expansion_metrics)
    assert before.expansion_by_type.equals(after.expansion_by_type)


def test_every_dimension_is_there() -> None:
    told = {
        ("acc_0", field, BEGIN - DAY): f"some {field}"
        for field in ("segment", "owner", "industry", "country", "channel")
    }
    account = present(told).with_columns(first_paid_month=pl.lit(date(2025, 3, 1)))
    book = one_account_each({"acc_0": (100, 150)})
    spec = MetricsSpec(
        dimensions=Dimensions.model_validate(
            {
                "account": ["segment", "owner", "industry", "country", "channel", "cohort"],
                "item": ["plan", "product", "currency", "interval", "pricing_model"],
                "segment": {"source": "tier"},
            }
        )
    )
    parts = (book.snapshot, book.movement, book.item_movement, book.component)
    rows = expansion(
        Moves(*parts), NO_RATES, account, spec, Past(history(told), LATER)
    ).expansion_metrics
    assert dict(
        rows.filter(pl.col("dimension") != "total").select("dimension", "member").rows()
    ) == {
        "segment": "some segment",
        "owner": "some owner",
        "industry": "some industry",
        "country": "some country",
        "channel": "some channel",
        "cohort": "2025-03",
        "plan": "Pro",
        "product": "prod_Pro",
        "currency": "usd",
        "interval": "month",
        "pricing_model": "seat",
        "segment+owner": "some segment + some owner",
    }
