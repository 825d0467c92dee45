"""The fold: observations of every kind become spans in which nothing about an item changes.

Belongs here: putting history, known spans and discounts together. No policy: what counts is decided when an item is
valued. Source of the rules: docs/method.md, "Evidence" and "Value of an item".
"""

from datetime import UTC, datetime

import polars as pl

from pipeline import schemas
from pipeline.billing.coverage import found_again, spans
from pipeline.billing.cutting import together
from pipeline.billing.history import ITEM, history
from pipeline.billing.invoices import as_states, valid
from pipeline.billing.known import first_items, known_spans
from pipeline.billing.observations import ON, SUBSCRIPTION_STATE, apart, points
from pipeline.billing.ordering import in_order
from pipeline.billing.periods import with_discounts
from pipeline.billing.price_versions import with_versions
from pipeline.billing.sequence import initial, sequence, telling
from pipeline.billing.taxes import with_net

ALWAYS = pl.lit(datetime.max.replace(tzinfo=UTC), dtype=pl.Datetime("us", "UTC"))


STATE = (
    "source_account", "subscription_id", "customer_id", "currency", "price_id", "quantity", *SUBSCRIPTION_STATE,
    "in_trial", "past_due_since", "evidence",
)  # fmt: skip
WITHIN = ("period_start", "inclusive_ppm", "computed")
"""What decides about the discounts and the tax of a span."""
VALUED = ("price_version", "net_num", "net_den", "discounts")


def _merged(rows: pl.LazyFrame, *more: str) -> pl.LazyFrame:
    """Neighbouring spans of one item with the same state, grade and `more` columns as one span."""
    key = "subscription_item_id"
    ids = pl.col("discounts").list.eval(pl.element().struct.field("discount_id")).list.join(",")
    # The ids of discounts tell all, and a text compares faster than a list.
    same = [ids if name == "discounts" else pl.col(name) for name in (*STATE, *more)]
    begins = pl.any_horizontal(
        pl.col(key).ne_missing(pl.col(key).shift(1)),
        pl.col("valid_from").ne_missing(pl.col("valid_to").shift(1)),
        *(each.ne_missing(each.shift(1)) for each in same),
    )
    return together(in_order(rows, key, "valid_from"), begins, ("valid_to", "closed_by")).select(
        key, *STATE, *more, "valid_from", "opened_by", "valid_to", "closed_by"
    )


def item_timeline(
    observed: pl.LazyFrame,
    coverage: pl.LazyFrame,
    lines: pl.LazyFrame,
    invoice_items: pl.LazyFrame,
    prices: pl.LazyFrame,
    refs: pl.LazyFrame,
    coupons: pl.LazyFrame,
) -> pl.LazyFrame:
    """The timeline of every subscription item (ITEM_TIMELINE).

    Args:
        observed: OBSERVED_SUBSCRIPTION rows.
        coverage: COVERAGE rows: over which spans every event is known.
        lines: `invoices.lines`.
        invoice_items: `invoices.invoice_items`.
        prices: PRICE rows.
        refs: DISCOUNT rows.
        coupons: COUPON rows.

    The result depends on the set of evidence alone, not on its order or on how often it was seen.
    """
    covered = spans(coverage).collect().lazy()
    states, lists = apart(observed)
    before, after = points(states, lists, found_again(coverage, covered))
    before, after = before.collect().lazy(), after.collect().lazy()
    every = telling(sequence(before, after, covered), before, lists).collect().lazy()
    known = known_spans(every, before, lists).collect().lazy()
    subscriptions = _subscriptions(after, covered, before).collect().lazy()
    early = history(
        as_states(lines, prices),
        valid(invoice_items, lines),
        subscriptions,
        first_items(every, known, lists),
    ).with_columns(
        collection_paused=pl.lit(value=False),
        in_trial=pl.lit(value=False),
        cancel_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        cancel_requested_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        cancel_reason=pl.lit(None, dtype=pl.String),
        past_due_since=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        inclusive_ppm=pl.lit(None, dtype=pl.Int64),
        computed=pl.lit(value=False),
    )
    columns = [
        *ITEM, "customer_id", "currency", "price_id", "quantity", "status", "collection_paused", "in_trial",
        "cancel_at", "cancel_requested_at", "cancel_reason", "past_due_since", "period_start", "valid_from",
        "valid_to", "evidence", "opened_by", "closed_by", "inclusive_ppm", "computed",
    ]  # fmt: skip
    lasting = pl.col("valid_to").is_null() | (pl.col("valid_from") < pl.col("valid_to"))
    # Most points tell nothing new of an item: fewer spans are worth less work below.
    fewer = _merged(known.select(columns).filter(lasting), *WITHIN).select(columns)
    shown = pl.concat([early.select(columns).filter(lasting), fewer]).collect().lazy()
    rows = pl.concat([shown, _unseen(shown, subscriptions)], how="diagonal").collect().lazy()
    rows = with_versions(with_net(rows, lines), prices, lines).collect().lazy()
    ended = subscriptions.select(*ON, "ended_at", end_reason="cancel_reason")
    merged = _merged(with_discounts(rows, lines, refs, coupons, known, prices), *VALUED)
    return schemas.ITEM_TIMELINE.conform(  # merged first: the reason is known at the end alone
        merged.join(ended, on=ON, how="left").with_columns(
            cancel_reason=pl.when(pl.col("valid_to") == pl.col("ended_at"))
            .then(pl.coalesce("end_reason", "cancel_reason"))
            .otherwise("cancel_reason")
        )
    )


def _unseen(rows: pl.LazyFrame, subscriptions: pl.LazyFrame) -> pl.LazyFrame:
    """Spans before its first known point in which a subscription lived, but no evidence names any of its items.

    Each is one row of an item that bears the subscription's own id, of unknown status, `inferred`.
    """
    before = pl.min_horizontal("known_from", "ended_at")
    lives = subscriptions.with_columns(until=before).filter(pl.col("created_at") < pl.col("until"))
    begins = lives.select(*ON, valid_from="created_at", valid_to="created_at")
    stops = lives.select(*ON, valid_from="until", valid_to="until")
    spans = rows.join(lives.select(*ON), on=ON, how="semi").select(*ON, "valid_from", "valid_to")
    reach = pl.col("valid_to").cum_max().shift(1).over(ON)
    return (
        pl.concat([begins, stops, spans.with_columns(pl.col("valid_to").fill_null(ALWAYS))])
        .sort(*ON, "valid_from", "valid_to")
        .with_columns(reach=reach)
        .filter(pl.col("reach") < pl.col("valid_from"))
        .join(lives.select(*ON, "customer_id", "currency", "until"), on=ON)
        .select(
            *ON, "customer_id", "currency",
            subscription_item_id="subscription_id",
            status=pl.lit("unknown"),
            collection_paused=pl.lit(value=False),
            in_trial=pl.lit(value=False),
            valid_from="reach",
            valid_to=pl.min_horizontal("valid_from", "until"),
            evidence=pl.lit("inferred"),
        )
        .filter(pl.col("valid_from") < pl.col("valid_to"))
    )  # fmt: skip


def _subscriptions(
    after: pl.LazyFrame, covered: pl.LazyFrame, before: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per subscription: who, since when, until when, from when on its state is known, and by what."""
    first_point = (
        after.sort("at")
        .group_by(ON)
        .agg(first_at=pl.col("at").first(), first_proof=pl.col("proof").first())
    )
    started = initial(before, covered).group_by(ON).agg(initial_at=pl.col("at").min())
    newest = after.sort("at").group_by(ON).last()
    return (
        newest.join(first_point, on=ON)
        .join(started, on=ON, how="left")
        .select(
            *ON, "customer_id", "currency", "created_at", "ended_at", "trial_start", "trial_end",
            "cancel_reason", "first_proof",
            known_from=pl.min_horizontal("first_at", "initial_at"),
        )
    )  # fmt: skip
