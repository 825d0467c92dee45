"""Movements: what an account's MRR did between two month ends, and why.

Belongs here: the classification of accounts. Components are in `components`, pairs in `pairing`.
Source of the rules: docs/method.md, "Snapshot and movement, month M".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline import schemas
from pipeline.billing.evidence import grade_of, rank
from pipeline.months import Calendar, add_months
from pipeline.mrr.book import Book
from pipeline.mrr.components import components, item_movements
from pipeline.mrr.ends import Ends, Sides, windows_of
from pipeline.mrr.pairing import CASE
from pipeline.mrr.past import with_past
from pipeline.mrr.policy import Policy
from pipeline.mrr.valued import Valued


@dataclass(frozen=True, slots=True)
class Movements:
    """Movements of a range of months; each frame has the schema of the table it is named after."""

    movement: pl.DataFrame
    item_movement: pl.DataFrame
    component: pl.DataFrame


def _accounts(valued: Valued, ends: Ends, cases: pl.DataFrame) -> pl.LazyFrame:
    """One row per case and account with a counting item at either end."""
    opening, closing = (
        ends.accounts.join(cases.lazy().select("case", month=at), on="month")
        for at in ("opening_month", "month")
    )
    changed = ends.changed(cases).with_columns(changed=pl.lit(value=True))
    return (
        opening.select(*CASE, opening_mrr="mrr", held_before="holds")
        .join(closing.select(*CASE, "holds", c="mrr"), on=CASE, how="full", coalesce=True)
        .join(ends.exchanged(valued, cases), on=CASE, how="left")
        .join(changed, on=CASE, how="left")
        .with_columns(
            pl.col("opening_mrr", "c", "fx_mrr").fill_null(0),
            pl.col("held_before", "holds", "changed").fill_null(value=False),
        )
        .with_columns(o=pl.col("opening_mrr") + pl.col("fx_mrr"))
        .filter(pl.any_horizontal(pl.col("opening_mrr", "c", "o") != 0))
    )


def _coming_back(policy: Policy) -> pl.Expr:
    """What an account that paid before is called when it comes back, by the policy's switch."""
    if policy.reactivation == "expansion":
        return pl.lit("expansion")
    if policy.reactivation == "new":
        away = pl.col("back_at") - pl.col("left_at")
        return (
            pl.when(away > pl.duration(days=policy.reactivation_days))
            .then(pl.lit("new"))
            .otherwise(pl.lit("reactivation"))
        )
    return pl.lit("reactivation")


def _classified(accounts: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """`accounts` (with their past) with their movement; one that comes from nothing is as sure as its past."""
    o, c = pl.col("o"), pl.col("c")
    paid_before = (pl.col("first_paid") < pl.col("opening_at")).fill_null(value=False)
    back = _coming_back(policy)
    lost = pl.col("holds") & pl.lit(policy.paid_to_free == "contraction")
    movement = (
        pl.when((o == 0) & (c > 0) & paid_before.not_())
        .then(pl.lit("new"))
        .when((o == 0) & (c > 0) & pl.col("held_before"))
        .then(pl.lit("expansion"))
        .when((o == 0) & (c > 0))
        .then(back)
        .when((o > 0) & (c == 0) & lost)
        .then(pl.lit("contraction"))
        .when((o > 0) & (c == 0))
        .then(pl.lit("churn"))
        .when(c > o)
        .then(pl.lit("expansion"))
        .when(c < o)
        .then(pl.lit("contraction"))
    )
    proved = (pl.col("surely_paid") < pl.col("opening_at")) & pl.lit(policy.reactivation != "new")
    return accounts.with_columns(
        movement=movement,
        delta_mrr=c - o,
        closing_mrr=c,
        past_evidence=pl.when((o == 0) & (c > 0) & proved.fill_null(value=False).not_()).then(
            "past_evidence"
        ),
    ).drop("o", "c", "holds", "held_before", "first_paid", "surely_paid", "left_at", "back_at")


def _churn_kinds(valued: Valued, sides: Sides, classified: pl.LazyFrame) -> pl.LazyFrame:
    """Why each churned account left: the largest item among the last to end."""
    churned = classified.filter(pl.col("movement") == "churn").select(*CASE, "closing_at")
    gone = (
        sides.opening.lazy()
        .join(churned, on=CASE)
        .select(*CASE, "span", "value", "closing_at")
        .join(valued.spans.lazy().select("span", "subscription_item_id"), on="span")
    )
    spans = valued.book.item_timeline.select(
        "subscription_item_id",
        "valid_from",
        "valid_to",
        "status",
        "collection_paused",
        "cancel_reason",
    )
    last = (
        gone.join(spans, on="subscription_item_id")
        .filter(pl.col("valid_from") < pl.col("closing_at"))
        .sort(*CASE, "subscription_item_id", "valid_from")
        .group_by(*CASE, "subscription_item_id", maintain_order=True)
        .last()
        .with_columns(
            ended=pl.when(pl.col("valid_to") < pl.col("closing_at"))
            .then("valid_to")
            .otherwise("valid_from")
        )
    )
    reason = pl.col("cancel_reason")
    running = pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("closing_at"))
    kind = (
        pl.when(running & (pl.col("collection_paused") | (pl.col("status") == "paused")))
        .then(pl.lit("paused"))
        .when(running & (pl.col("status") == "unpaid"))
        .then(pl.lit("involuntary"))
        .when(reason.is_in(["payment_failed", "payment_disputed"]))
        .then(pl.lit("involuntary"))
        .when(reason == "cancellation_requested")
        .then(pl.lit("voluntary"))
        .otherwise(pl.lit("unknown"))
    )
    return (
        last.with_columns(churn_kind=kind)
        .sort(
            *CASE,
            "ended",
            "value",
            "subscription_item_id",
            descending=[False] * len(CASE) + [True, True, False],
        )
        .group_by(CASE, maintain_order=True)
        .agg(pl.col("churn_kind").first())
    )


def movements(
    book: Book,
    calendar: Calendar,
    months: Sequence[date],
    policy: Policy,
    windows: Sequence[int] = (1, 3, 12),
) -> Movements:
    """Movements, item movements and components of `months` in every window, micro-units of the reporting currency.

    A month's movement is computed from the timeline at two instants, never from another month's result.
    """
    return moved(Valued.of(book, policy), calendar, months, windows)


def moved(
    valued: Valued, calendar: Calendar, months: Sequence[date], windows: Sequence[int] = (1, 3, 12)
) -> Movements:
    """`movements` of what is valued already; one window after the other, so that one is in memory at a time."""
    both = {month for window in (0, *windows) for month in (add_months(m, -window) for m in months)}
    ends = Ends.of(valued, calendar, sorted(both))
    found = [_of_window(valued, ends, calendar, months, window) for window in windows]
    return Movements(
        *(pl.concat(getattr(each, name) for each in found) for name in Movements.__slots__)
    )


def _of_window(
    valued: Valued, ends: Ends, calendar: Calendar, months: Sequence[date], window: int
) -> Movements:
    cases = windows_of(calendar, months, window)
    accounts = _accounts(valued, ends, cases).collect().lazy()
    accounts = with_past(accounts, cases.lazy(), valued.paid, valued.unsure)
    classified = _classified(accounts, valued.policy).collect().lazy()
    sides = ends.sides(cases, classified.filter("changed"))
    kinds = _churn_kinds(valued, sides, classified)
    graded = _graded(valued, calendar, ends, cases, classified.join(kinds, on=CASE, how="left"))
    pairs = item_movements(sides, valued, graded.lazy().filter("changed"))
    parts = components(pairs, valued)
    return Movements(
        movement=schemas.MRR_MOVEMENT.conform(graded.lazy()).collect(engine="in-memory"),
        item_movement=schemas.MRR_ITEM_MOVEMENT.conform(pairs.lazy()).collect(engine="in-memory"),
        component=schemas.MRR_MOVEMENT_COMPONENT.conform(parts.lazy()).collect(engine="in-memory"),
    )


def _graded(
    valued: Valued, calendar: Calendar, ends: Ends, cases: pl.DataFrame, classified: pl.LazyFrame
) -> pl.DataFrame:
    """The accounts of every case with MRR at either end, with their evidence (MRR_MOVEMENT)."""
    provisional = calendar.ends(cases.get_column("month").to_list()).lazy()
    named = (
        cases.lazy()
        .select("case", "month", "window_months", "opening_month")
        .join(provisional.select("month", "provisional"), on="month")
    )
    opening, closing = (
        ends.grades.rename({"month": at, "worst": f"{at}_worst"})
        for at in ("opening_month", "month")
    )
    worst = pl.max_horizontal("opening_month_worst", "month_worst", rank(pl.col("past_evidence")))
    graded = (
        classified.join(named, on="case")
        .join(opening, on=["opening_month", "account"], how="left")
        .join(closing, on=["month", "account"], how="left")
        .with_columns(
            evidence=grade_of(worst).fill_null("exact"), policy=pl.lit(valued.policy.label)
        )
        .sort(pl.col("case").cast(pl.Int64) * 2**32 + pl.col("account"))
        .collect()
    )
    ids = valued.accounts.gather(graded.get_column("account")).alias("account_id")
    return graded.with_columns(ids)
