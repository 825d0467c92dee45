"""Movements: what an account's MRR did between two month ends, and why.

Belongs here: the classification of accounts. Components are in `components`, pairs in `pairing`.
Source of the rules: docs/method.md, "Snapshot and movement, month M".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline import schemas
from pipeline.billing.evidence import grade_of
from pipeline.months import Calendar, add_months
from pipeline.mrr.book import Book
from pipeline.mrr.components import components, item_movements
from pipeline.mrr.ends import Ends, at_rate, placed
from pipeline.mrr.pairing import CELL
from pipeline.mrr.past import with_past
from pipeline.mrr.policy import Policy
from pipeline.mrr.valued import Valued

WINDOWS = (1, 3, 12)
"""Months that a movement spans."""


@dataclass(frozen=True, slots=True)
class Movements:
    """Movements of a range of months; each frame has the schema of the table it is named after."""

    movement: pl.DataFrame
    item_movement: pl.DataFrame
    component: pl.DataFrame


def _accounts(valued: Valued, ends: Ends, cases: pl.DataFrame) -> pl.DataFrame:
    """The accounts of every case with MRR at either end, in the order of CELL."""
    opening = ends.at(cases.get_column("opening_end")).rename(
        {"mrr": "opening_mrr", "holds": "held_before", "worst": "opening_worst"}
    )
    closing = ends.at(cases.get_column("closing_end")).rename(
        {"mrr": "closing_mrr", "worst": "closing_worst"}
    )
    rates, changed, cells = ends.exchanged(valued, cases), ends.changed(cases), opening.height
    o = pl.col("opening_mrr") + pl.col("fx_mrr")
    return (
        pl.concat([opening, closing], how="horizontal")
        .with_columns(
            pl.int_range(pl.len()).alias(CELL),
            fx_mrr=placed(cells, rates[CELL], rates["fx_mrr"], 0),
            changed=placed(cells, changed, changed.is_not_null(), fill=False),
        )
        .lazy()
        .with_columns(o=o, delta_mrr=pl.col("closing_mrr") - o)
        .filter(pl.any_horizontal(pl.col("opening_mrr", "closing_mrr", "o") != 0))
        .with_columns(account=pl.col(CELL) % ends.size, case=pl.col(CELL) // ends.size)
        .collect()
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


def _came(valued: Valued, accounts: pl.DataFrame, cases: pl.DataFrame) -> pl.LazyFrame:
    """What accounts that come from nothing did, and how sure their past is: CELL, came, past_worst."""
    policy = valued.policy
    from_nothing = (pl.col("o") == 0) & (pl.col("closing_mrr") > 0)
    found = accounts.filter(from_nothing).select(CELL, "account", "case", "held_before")
    opened = cases.get_column("opening_at").gather(found.get_column("case"))
    comings = found.drop("case").with_columns(opened).lazy()
    paid_before = (pl.col("first_paid") < pl.col("opening_at")).fill_null(value=False)
    proved = (pl.col("surely_paid") < pl.col("opening_at")) & pl.lit(policy.reactivation != "new")
    return with_past(comings, valued.paid, valued.unsure).select(
        CELL,
        came=pl.when(paid_before.not_())
        .then(pl.lit("new"))
        .when("held_before")
        .then(pl.lit("expansion"))
        .otherwise(_coming_back(policy)),
        past_worst=pl.when(proved.fill_null(value=False).not_()).then("past_worst"),
    )


def _classified(accounts: pl.DataFrame, came: pl.LazyFrame, policy: Policy) -> pl.DataFrame:
    """`accounts` with their movement; one that comes from nothing is as sure as its past."""
    o, c = pl.col("o"), pl.col("closing_mrr")
    lost = pl.col("holds") & pl.lit(policy.paid_to_free == "contraction")
    movement = (
        pl.when(pl.col("came").is_not_null())
        .then("came")
        .when((o > 0) & (c == 0) & lost)
        .then(pl.lit("contraction"))
        .when((o > 0) & (c == 0))
        .then(pl.lit("churn"))
        .when(c > o)
        .then(pl.lit("expansion"))
        .when(c < o)
        .then(pl.lit("contraction"))
    )
    return (
        accounts.lazy()
        .join(came, on=CELL, how="left", maintain_order="left")
        .with_columns(movement=movement)
        .drop("o", "came", "holds", "held_before")
        .collect()
    )


def _churn_kinds(valued: Valued, classified: pl.DataFrame, cases: pl.DataFrame) -> pl.LazyFrame:
    """Why each churned account left: the largest item among the last to end, of all that counted since the opening."""
    found = classified.filter(pl.col("movement") == "churn").select(CELL, "account", "case")
    of_case = cases.select("month", "opening_at", "closing_at")[found.get_column("case")]
    churned = pl.concat([found.drop("case"), of_case], how="horizontal").lazy()
    item, until = "subscription_item_id", pl.col("valid_to")
    gone = (
        valued.spans.lazy()
        .select("account", item, "currency", "mrr_native", "valid_from", "valid_to")
        .join(churned, on="account")
        .filter(
            pl.col("valid_from") < pl.col("closing_at"),
            until.is_null() | (until >= pl.col("opening_at")),
        )
        .sort(CELL, item, "valid_from")
        .group_by(CELL, item, maintain_order=True)
        .last()
        .join(
            valued.book.fx_rate.select("month", "currency", "rate"),
            on=["month", "currency"],
            how="left",
        )
        .select(
            CELL,
            item,
            "closing_at",
            ended=pl.min_horizontal(until, "closing_at"),
            value=at_rate(),
        )
    )
    last = (
        gone.join(
            valued.book.item_timeline.select(
                item, "valid_from", "valid_to", "status", "collection_paused", "cancel_reason"
            ),
            on=item,
        )
        .filter(pl.col("valid_from") < pl.col("closing_at"))
        .sort(CELL, item, "valid_from")
        .group_by(CELL, item, maintain_order=True)
        .last()
    )
    reason = pl.col("cancel_reason")
    # There, but it does not count any more.
    idle = (pl.col("ended") < pl.col("closing_at")) & (
        until.is_null() | (until >= pl.col("closing_at"))
    )
    kind = (
        pl.when(idle & (pl.col("collection_paused") | (pl.col("status") == "paused")))
        .then(pl.lit("paused"))
        .when(idle & pl.col("status").is_in(["unpaid", "past_due"]))
        .then(pl.lit("involuntary"))
        .when(reason.is_in(["payment_failed", "payment_disputed"]))
        .then(pl.lit("involuntary"))
        .when(reason == "cancellation_requested")
        .then(pl.lit("voluntary"))
        .otherwise(pl.lit("unknown"))
    )
    return (
        last.with_columns(churn_kind=kind)
        # What still counts, free or idle, has not ended.
        .sort(
            CELL,
            pl.col("ended") >= pl.col("closing_at"),
            "ended",
            "value",
            "subscription_item_id",
            descending=[False, False, True, True, False],
        )
        .group_by(CELL, maintain_order=True)
        .agg(pl.col("churn_kind").first())
    )


def movements(
    book: Book,
    calendar: Calendar,
    months: Sequence[date],
    policy: Policy,
    windows: Sequence[int] = WINDOWS,
) -> Movements:
    """Movements, item movements and components of `months` in every window, micro-units of the reporting currency.

    A month's movement is computed from the timeline at two instants, never from another month's result.
    """
    return moved(Valued.of(book, policy), calendar, months, windows)


def moved(
    valued: Valued, calendar: Calendar, months: Sequence[date], windows: Sequence[int] = WINDOWS
) -> Movements:
    """`movements` of what is valued already; one window after the other, so that one is in memory at a time."""
    both = {month for window in (0, *windows) for month in (add_months(m, -window) for m in months)}
    ends = Ends.of(valued, calendar, sorted(both))
    valued = valued.remembering(ends.quiet())
    found = [_of_window(valued, ends, calendar, months, window) for window in windows]
    return Movements(
        *(pl.concat(getattr(each, name) for each in found) for name in Movements.__slots__)
    )


def _of_window(
    valued: Valued, ends: Ends, calendar: Calendar, months: Sequence[date], window: int
) -> Movements:
    cases = ends.windows(calendar, months, window)
    accounts = _accounts(valued, ends, cases)
    came = _came(valued, accounts, cases)
    classified = _classified(accounts, came, valued.policy)
    changed = classified.filter("changed").get_column(CELL)
    cells = ends.size * cases.height
    sides = ends.sides(cases, placed(cells, changed, changed.is_not_null(), fill=False))
    kinds = _churn_kinds(valued, classified, cases)
    graded = _graded(
        valued, cases, classified.lazy().join(kinds, on=CELL, how="left", maintain_order="left")
    )
    pairs = item_movements(sides, valued, graded, cases)
    parts = components(pairs, valued)
    return Movements(
        movement=schemas.MRR_MOVEMENT.conform(graded.lazy()).collect(engine="in-memory"),
        item_movement=schemas.MRR_ITEM_MOVEMENT.conform(pairs.lazy()).collect(engine="in-memory"),
        component=schemas.MRR_MOVEMENT_COMPONENT.conform(parts.lazy()).collect(engine="in-memory"),
    )


def _graded(valued: Valued, cases: pl.DataFrame, classified: pl.LazyFrame) -> pl.DataFrame:
    """`classified` with the account's id, what the case is, and the evidence (MRR_MOVEMENT)."""
    worst = pl.max_horizontal("opening_worst", "closing_worst", "past_worst")
    graded = classified.with_columns(
        evidence=grade_of(worst), policy=pl.lit(valued.policy.label)
    ).collect()
    ids = valued.accounts.gather(graded.get_column("account")).alias("account_id")
    told = cases.select("month", "window_months", "provisional")[graded.get_column("case")]
    return pl.concat([graded.with_columns(ids), told], how="horizontal")
