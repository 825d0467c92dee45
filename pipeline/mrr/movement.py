"""Movements: what an account's MRR did between two month ends, and why.

Belongs here: the classification of accounts. Components are in `components`, pairs in `pairing`.
Source of the rules: docs/method.md, "Snapshot and movement, month M".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline import schemas
from pipeline.billing.evidence import worst, worst_of
from pipeline.months import Calendar
from pipeline.mrr.book import Book
from pipeline.mrr.components import components, item_movements, unchanged
from pipeline.mrr.ends import Ends, ends_of_cases, windows_of
from pipeline.mrr.pairing import CASE
from pipeline.mrr.past import with_past
from pipeline.mrr.policy import Policy
from pipeline.mrr.snapshot import evidence_at
from pipeline.mrr.valued import Valued


@dataclass(frozen=True, slots=True)
class Movements:
    """Movements of a range of months; each frame has the schema of the table it is named after."""

    movement: pl.DataFrame
    item_movement: pl.DataFrame
    component: pl.DataFrame


def _accounts(ends: Ends) -> pl.LazyFrame:
    """One row per case and account with a counting item at either end."""
    subscribed = pl.col("holding").any()
    return (
        ends.opening.group_by(CASE)
        .agg(
            opening_mrr=pl.col("stood").sum(),
            o=pl.col("value").sum(),
            held_before=subscribed,
            left=pl.col("stays").not_().any(),
            left_evidence=worst_of(pl.col("usage_evidence")),
        )
        .join(
            ends.closing.group_by(CASE).agg(
                c=pl.col("value").sum(),
                holds=subscribed,
                came=pl.col("stays").not_().any(),
                held_evidence=worst_of(pl.col("usage_evidence")),
            ),
            on=CASE,
            how="full",
            coalesce=True,
        )
        .with_columns(
            pl.col("opening_mrr", "o", "c").fill_null(0),
            pl.col("held_before", "holds").fill_null(value=False),
            changed=pl.col("left").fill_null(value=False) | pl.col("came").fill_null(value=False),
        )
        .drop("left", "came")
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
        fx_mrr=o - pl.col("opening_mrr"),
        delta_mrr=c - o,
        closing_mrr=c,
        past_evidence=pl.when((o == 0) & (c > 0) & proved.fill_null(value=False).not_()).then(
            "past_evidence"
        ),
    )


def _churn_kinds(valued: Valued, ends: Ends, classified: pl.LazyFrame) -> pl.LazyFrame:
    """Why each churned account left: the largest item among the last to end."""
    churned = classified.filter(pl.col("movement") == "churn").select(*CASE, "closing_at")
    gone = (
        ends.opening.join(churned, on=CASE)
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
    found = [_of_window(valued, calendar, months, window) for window in windows]
    return Movements(
        *(
            pl.concat(getattr(each, name) for each in found).sort("month", maintain_order=True)
            for name in Movements.__slots__
        )
    )


def _of_window(
    valued: Valued, calendar: Calendar, months: Sequence[date], window: int
) -> Movements:
    cases = windows_of(calendar, months, window)
    ends = ends_of_cases(valued, cases)
    accounts = with_past(_accounts(ends), cases.lazy(), valued.paid, valued.unsure)
    classified = _classified(accounts, valued.policy).collect().lazy()
    graded = _graded(valued, calendar, cases, ends, classified).lazy()
    changed = graded.filter("changed")
    pairs = item_movements(ends.of(changed.select(CASE)), valued, changed)
    same = unchanged(ends, valued, graded.filter(pl.col("changed").not_()))
    items = pl.concat([pairs, same], how="diagonal").sort("case", "opening_item", "closing_item")
    parts = components(pairs, valued).sort(*CASE, "subscription_item_id", "type")
    return Movements(
        movement=schemas.MRR_MOVEMENT.conform(graded).collect(engine="in-memory"),
        item_movement=schemas.MRR_ITEM_MOVEMENT.conform(items.lazy()).collect(engine="in-memory"),
        component=schemas.MRR_MOVEMENT_COMPONENT.conform(parts.lazy()).collect(engine="in-memory"),
    )


def _graded(
    valued: Valued, calendar: Calendar, cases: pl.DataFrame, ends: Ends, classified: pl.LazyFrame
) -> pl.DataFrame:
    """The accounts of every case with MRR at either end, with their evidence and why they left (MRR_MOVEMENT)."""
    months = cases.get_column("month").unique().to_list()
    both = sorted({*months, *cases.get_column("opening_month")})
    evidence = evidence_at(valued.states, calendar, both, "account").collect().lazy()
    graded = (
        classified.join(
            cases.lazy().select("case", "month", "window_months", "opening_month"), on="case"
        )
        .join(
            evidence.rename({"month": "opening_month", "evidence": "opening_evidence"}),
            on=["opening_month", "account"],
            how="left",
        )
        .join(
            evidence.rename({"evidence": "closing_evidence"}),
            on=["month", "account"],
            how="left",
        )
        .join(_churn_kinds(valued, ends, classified), on=CASE, how="left")
        .join(calendar.ends(months).lazy().select("month", "provisional"), on="month")
        .with_columns(
            evidence=worst(
                *(
                    pl.col(f"{name}_evidence")
                    for name in ("opening", "closing", "past", "left", "held")
                )
            ).fill_null("exact"),
            policy=pl.lit(valued.policy.label),
        )
        .filter((pl.col("opening_mrr") != 0) | (pl.col("closing_mrr") != 0) | (pl.col("o") != 0))
        .sort(CASE)
        .collect()
    )
    ids = valued.accounts.gather(graded.get_column("account")).alias("account_id")
    return graded.with_columns(ids)
