"""For every random book, every figure adds up, exactly."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Dimensions
from pipeline.metrics import (
    MetricsSpec,
    Moves,
    check_components,
    check_members,
    check_roll_forward,
    check_types,
    concluded,
    expansion,
    tallied,
)
from tests.metrics.item_books import NO_RATES, Book, books, one_account_each, scheduled_of

EVERYTHING = MetricsSpec(
    dimensions=Dimensions(
        account=("segment", "owner", "industry", "country", "channel", "cohort"),
        item=("plan", "product", "currency", "interval", "pricing_model"),
        crossed=(("segment", "owner"),),
    )
)


def moves_of(book: Book) -> list[pl.LazyFrame]:
    """What `Moves` holds; something is scheduled for some items."""
    to_come = scheduled_of(book.snapshot.collect()).lazy()
    return [book.snapshot, book.movement, book.item_movement, book.component, to_come]


def metrics_of(book: Book, spec: MetricsSpec = EVERYTHING):
    return expansion(
        Moves(*moves_of(book)),
        NO_RATES,
        book.account,
        spec,
    )


@given(book=books())
def test_every_identity_holds_for_every_book(book: Book) -> None:
    found = metrics_of(book)
    assert check_roll_forward(book.movement).is_empty()
    assert check_components(book.movement, book.component).is_empty()
    assert check_members(found.expansion_metrics.lazy()).is_empty()
    assert check_types(found.expansion_metrics.lazy(), found.expansion_by_type.lazy()).is_empty()


@given(book=books(), of=st.integers(2, 4))
def test_lots_of_accounts_say_what_all_together_say(book: Book, of: int) -> None:
    whole = metrics_of(book)
    frames = moves_of(book)
    tallies = []
    for number in range(of):
        own = pl.col("account_id").hash() % of == number
        lot = [frame.filter(own) for frame in frames]
        tallies.append(tallied(Moves(*lot), NO_RATES, book.account, EVERYTHING))
    together = concluded(tallies, EVERYTHING)
    assert together.expansion_metrics.equals(whole.expansion_metrics)
    assert together.expansion_by_type.equals(whole.expansion_by_type)


@given(book=books())
def test_the_total_is_the_sum_of_the_movements(book: Book) -> None:
    total = metrics_of(book).expansion_metrics.filter(dimension="total")
    for window in (1, 12):
        moved = book.movement.filter(window_months=window).collect()
        for name, kind, sign in (
            ("new_mrr", "new", 1),
            ("expansion_mrr", "expansion", 1),
            ("contraction_mrr", "contraction", -1),
            ("churned_mrr", "churn", -1),
            ("reactivation_mrr", "reactivation", 1),
        ):
            expected = sign * moved.filter(movement=kind)["delta_mrr"].sum()
            assert total.filter(window_months=window)[name].sum() == expected


@given(book=books())
def test_every_item_counts_once_in_the_quality_of_each_dimension(book: Book) -> None:
    past_due = pl.lit("2026-01-02").str.to_datetime(time_zone="UTC", time_unit="us")
    # The book's windows close differently; the snapshot is that of the window of one month.
    monthly = pl.col("window_months") == 1
    at_risk = Book(
        book.snapshot.with_columns(past_due_since=past_due),
        book.movement.filter(monthly),
        book.item_movement.filter(monthly),
        book.component.filter(monthly),
        book.account,
    )
    rows = metrics_of(at_risk).expansion_metrics
    sums = rows.group_by("dimension").agg(pl.col("at_risk_mrr", "ending_mrr").sum())
    assert sums["at_risk_mrr"].to_list() == sums["ending_mrr"].to_list()


def test_a_broken_movement_is_named() -> None:
    book = one_account_each({"acc_0": (100, 150)})
    broken = book.movement.with_columns(closing_mrr=pl.col("closing_mrr") + 1)
    assert check_roll_forward(broken).select("account_id", "expected", "found").rows() == [
        ("acc_0", 150_000_000, 150_000_001)
    ]


def test_a_missing_component_is_named() -> None:
    book = one_account_each({"acc_0": (100, 150), "acc_1": (100, 90)})
    broken = check_components(book.movement, book.component.filter(account_id="acc_0"))
    assert broken.select("account_id", "expected", "found").rows() == [("acc_1", -10_000_000, 0)]


def test_a_member_that_does_not_close_and_its_dimension_are_named() -> None:
    found = metrics_of(one_account_each({"acc_0": (100, 150)})).expansion_metrics
    broken = found.with_columns(
        ending_mrr=pl.when(dimension="plan").then(0).otherwise("ending_mrr")
    )
    rows = check_members(broken.lazy()).select("dimension", "member", "metric").rows()
    assert rows == [("plan", None, "ending_mrr"), ("plan", "Pro", "ending_mrr")]


def test_a_dimension_without_any_row_is_named() -> None:
    found = metrics_of(one_account_each({"acc_0": (100, 150)}))
    later = metrics_of(one_account_each({"acc_0": (1, 2)}, window=3)).expansion_metrics
    both = pl.concat([found.expansion_metrics, later.filter(pl.col("dimension") != "plan")])
    broken = check_members(both.lazy())
    assert set(broken["dimension"]) == {"plan"}
    assert set(broken["window_months"]) == {3}
