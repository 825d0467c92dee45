"""Steps: the instants of a window at which something about an item changed, each with what proves it.

Belongs here: reading the item timeline for changes of one aspect at a time. Which steps a component rests on is in
`grounds`. A step at `at` lies in the window when opening_at <= at < closing_at: a state that begins with the opening
boundary does not hold at the opening end.
"""

from datetime import datetime

import polars as pl

from pipeline.mrr import Policy

ITEM = "subscription_item_id"
ASPECTS = ("counting", "quantity", "price", "discount")
STATE = ("label", "counts", "quantity", "price", "discount", "grade", "begun")
INSTANT = pl.Datetime("us", "UTC")
STEP: dict[str, pl.DataType | type[pl.DataType]] = {
    ITEM: pl.String,
    "subscription_id": pl.String,
    "at": INSTANT,
    "since": INSTANT,
    "aspect": pl.String,
    "before": pl.String,
    "after": pl.String,
    "proof": pl.String,
    "evidence": pl.String,
}
SECOND = pl.duration(seconds=1)


def steps(
    items: pl.LazyFrame, policy: Policy, opening_at: datetime, closing_at: datetime
) -> pl.LazyFrame:
    """One row per item, instant and aspect that changed there (STEP).

    `before` and `after` are the state, quantity, price (id, currency, version, what inclusive tax leaves of it) or
    coupon ids as text; a state is null where the item does not exist. `since`: a bounded change happened after this
    instant, at `at` at the latest. `evidence` grades the step.

    Args:
        items: `Book.items()` of the accounts in question.
        policy: decides whether an item counts.
        opening_at: boundary of the opening end.
        closing_at: boundary of the closing end.
    """
    spans = _spans(items, policy, closing_at)
    edges = pl.concat([_begins(spans), _ends(spans), *_lapses(spans, policy)])
    within = _from_unseen(edges, spans).filter(
        pl.col("at") >= opening_at, pl.col("at") < closing_at
    )
    found = [_aspect(within, name) for name in ASPECTS]
    return pl.concat(found).select(*STEP).sort("at", ITEM, "aspect")


def _spans(items: pl.LazyFrame, policy: Policy, closing_at: datetime) -> pl.LazyFrame:
    """The timeline's rows with whether they count at their start and at their end, and their neighbours' instants."""
    label = (
        pl.when("collection_paused")
        .then(pl.lit("collection paused"))
        .when("in_trial")
        .then(pl.lit("in a trial of its own"))
        .otherwise("status")
    )
    share = pl.format("{}/{}", "net_num", "net_den")
    tax = pl.when(pl.col("net_num") != pl.col("net_den")).then(share).otherwise(pl.lit(""))
    coupon = pl.element().struct.field("coupon_id").fill_null("unknown coupon")
    return (
        items.sort(ITEM, "valid_from")
        .with_columns(
            label=label,
            counts=policy.counts(pl.col("valid_from") + SECOND),
            counts_last=policy.counts(pl.coalesce("valid_to", pl.lit(closing_at, dtype=INSTANT))),
            price=pl.concat_str("price_id", "currency", "amount_version", tax, separator="|"),
            discount=pl.col("discounts").list.eval(coupon).list.join(", "),
            used=pl.col("discounts").list.eval(pl.element().struct.field("discount_id")),
            quantity=pl.col("quantity").cast(pl.String),
            grade="evidence",
            begun="valid_from",
        )
        .with_columns(
            follows=(pl.col("valid_to").shift(1) == pl.col("valid_from")).over(ITEM),
            goes_on=(pl.col("valid_from").shift(-1) == pl.col("valid_to")).over(ITEM),
        )
        .collect()
        .lazy()
    )


def _begins(spans: pl.LazyFrame) -> pl.LazyFrame:
    """Where a span begins: from the span before it, or from nothing."""
    earlier = (*STATE, "counts_last", "used")
    before = spans.with_columns(
        pl.when(pl.col("follows").fill_null(value=False))
        .then(pl.col(name).shift(1).over(ITEM))
        .alias(f"{name}_before")
        for name in earlier
    )
    return _edge(
        before.with_columns(counts_before="counts_last_before"),
        at="valid_from",
        proof="opened_by",
        after=True,
    )


def _ends(spans: pl.LazyFrame) -> pl.LazyFrame:
    """Where an item's last span, or the last one before a gap, ends: to nothing."""
    gone = spans.filter(
        pl.col("valid_to").is_not_null() & pl.col("goes_on").fill_null(value=False).not_()
    )
    before = gone.with_columns(
        *(pl.col(name).alias(f"{name}_before") for name in (*STATE, "used")),
    ).with_columns(counts_before="counts_last")
    return _edge(before, at="valid_to", proof="closed_by", after=False)


def _lapses(spans: pl.LazyFrame, policy: Policy) -> list[pl.LazyFrame]:
    """Where an item stops counting because it has been past due for too long: no record changes then."""
    if policy.past_due != "exclude" or not policy.past_due_days:
        return []
    days = policy.past_due_days
    lapsed = (
        spans.with_columns(since_proof=pl.col("opened_by").first().over(ITEM, "past_due_since"))
        .filter(pl.col("counts") & pl.col("counts_last").not_())
        .with_columns(
            *(pl.col(name).alias(f"{name}_before") for name in (*STATE, "used")),
            lapsed_at=pl.col("past_due_since") + pl.duration(days=days),
        )
        .with_columns(
            counts=pl.lit(value=False), label=pl.lit(f"past due for more than {days} days")
        )
    )
    return [_edge(lapsed, at="lapsed_at", proof="since_proof", after=True)]


def _edge(rows: pl.LazyFrame, at: str, proof: str, *, after: bool) -> pl.LazyFrame:
    """The columns that every kind of edge has; without `after` nothing of the item is left."""
    state = [pl.col(name) if after else pl.lit(None).alias(name) for name in (*STATE, "used")]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "counts": pl.Boolean,
        "begun": INSTANT,
        "used": pl.List(pl.String),
    }
    return rows.select(
        ITEM,
        "subscription_id",
        *(f"{name}_before" for name in (*STATE, "used")),
        *(each.cast(schema.get(each.meta.output_name(), pl.String)) for each in state),
        at=pl.col(at),
        proof=pl.col(proof),
    )


def _from_unseen(edges: pl.LazyFrame, spans: pl.LazyFrame) -> pl.LazyFrame:
    """`edges`; what comes where a subscription lived without any evidence of its items comes as surely as that.

    The timeline has a row under the subscription's own id for such a time.
    """
    unseen = (
        spans.filter(pl.col(ITEM) == pl.col("subscription_id"))
        .select("subscription_id", at="valid_to", unseen="evidence")
        .unique()
    )
    return edges.join(unseen, on=["subscription_id", "at"], how="left").with_columns(
        grade_before=pl.coalesce("grade_before", "unseen")
    )


def _aspect(edges: pl.LazyFrame, aspect: str) -> pl.LazyFrame:
    """The edges at which one aspect changed."""
    both = pl.col("label_before").is_not_null() & pl.col("label").is_not_null()
    compared = {"counting": "counts", "discount": "used"}.get(aspect, aspect)
    changed = pl.col(f"{compared}_before").ne_missing(pl.col(compared))
    shown = {"counting": "label"}.get(aspect, aspect)
    if aspect == "counting":
        counted = pl.col("counts_before").fill_null(value=False)
        changed = counted != pl.col("counts").fill_null(value=False)
    else:
        changed &= both
    inferred = (pl.col("grade_before") == "inferred") | (pl.col("grade") == "inferred")
    evidence = (
        pl.when(inferred).then(pl.lit("inferred")).otherwise(pl.coalesce("grade_before", "grade"))
    )
    bounded = pl.col("grade_before") == "bounded"
    return edges.filter(changed).with_columns(
        aspect=pl.lit(aspect),
        before=pl.col(f"{shown}_before"),
        after=pl.col(shown),
        evidence=evidence,
        since=pl.when(bounded).then("begun_before"),
    )
