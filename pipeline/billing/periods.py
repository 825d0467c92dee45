"""The discounts of a service period: those that reduced its invoice, or are in force at its start.

Belongs here: which discounts count for the whole of a period, and the grade of that. Source of the rule:
docs/method.md, "Value of an item": a discount counts for whole service periods.
"""

import polars as pl

from pipeline.billing.billed import ahead, first_bills, invoiced
from pipeline.billing.discounts import (
    PERIOD,
    level_of_discount,
    whole_discounts,
    with_references,
    without_coupon,
)
from pipeline.billing.evidence import worst
from pipeline.billing.in_force import in_force, joined
from pipeline.schemas.billing import DISCOUNT_REF

UNKNOWN = "unknown"
"""The level of a discount that no evidence explains."""


def _beside(periods: pl.LazyFrame, refs: pl.LazyFrame, coupons: pl.LazyFrame) -> pl.LazyFrame:
    """`periods` with `ids`, the discounts that count: those invoiced, and `extra`, what the invoice could not show.

    A discount that applies to the invoiced product and did not reduce its line was not in force, unless nothing was
    left of the line (`blank`). One that is for other products leaves no trace on the line, yet counts when the item
    changes to such a product in the period. A line that the customer's discount reduced proves that the subscription
    had none. What was in force when months were billed ahead is not asked. Those of one level are in the order in which
    they are in force; where that does not name every invoiced one of the level, it is open (`unordered`). What the
    invoice itself used up is shown no more, which leaves the order in other levels. An invoice names the discounts
    above its lines: usage, billed at the end, has no others; what else is shown with a blank line is `contradicted`.
    """
    periods = periods.collect().lazy()
    given = refs.select("discount_id", "coupon_id", level=level_of_discount())
    told = periods.select(*PERIOD, "shown", discount_id="invoiced").explode(
        "discount_id", empty_as_null=False, keep_nulls=False
    )
    by_customer = (
        told.join(given.filter(pl.col("level") == "customer"), on="discount_id", how="semi")
        .select(*PERIOD, by_customer=pl.lit(value=True))
        .unique()
    )
    # The levels of which the invoice has discounts that are not shown.
    unshown = (
        told.filter(
            pl.col("shown").list.contains(pl.col("discount_id")).fill_null(value=False).not_()
        )
        .join(given, on="discount_id", how="left", maintain_order="left")
        .group_by(PERIOD, maintain_order=True)
        .agg(unshown=pl.col("level").fill_null(UNKNOWN).unique())
    )
    limited = coupons.select("coupon_id", "applies_to").unique("coupon_id")
    others = (
        pl.col("blank")
        | pl.col("product_id").is_null()
        | pl.col("applies_to").list.contains(pl.col("product_id")).not_().fill_null(value=False)
    )
    displaced = pl.col("by_customer").fill_null(value=False) & (pl.col("level") == "subscription")
    own = pl.col("level") == "subscription"
    above = own | ((pl.col("level") == "customer") & own.any().not_())
    over = pl.col("metered") & pl.col("blank") & (pl.col("level") != "item")
    billed = pl.col("invoiced").list.contains(pl.col("discount_id")).fill_null(value=False)
    mixed = pl.col("beside") & (pl.col("invoiced").list.len() > 0)
    nobodys = pl.col("unshown").list.contains(UNKNOWN) | pl.col("levels").list.contains(UNKNOWN)
    same = pl.col("unshown").list.set_intersection("levels").list.len() > 0
    open_order = (pl.col("unshown").is_not_null() & (same | nobodys)).fill_null(value=False)
    extra = (
        periods.filter(ahead().not_())
        .select(*PERIOD, "product_id", "invoiced", "blank", "metered", discount_id="shown")
        .explode("discount_id", empty_as_null=False, keep_nulls=False)
        .join(given, on="discount_id", how="left", maintain_order="left")
        .join(limited, on="coupon_id", how="left", maintain_order="left")
        .join(by_customer, on=PERIOD, how="left", maintain_order="left")
        .with_columns(
            billed=billed,
            beside=others
            & billed.not_()
            & displaced.fill_null(value=False).not_()
            & over.fill_null(value=False).not_(),
        )
        .filter(pl.col("billed") | pl.col("beside"))
        .with_columns(among=pl.col("beside").any().over([*PERIOD, "level"]))
        .group_by(PERIOD, maintain_order=True)
        .agg(
            pl.col("beside").any(),
            pl.col("invoiced").first(),
            levels=pl.col("level").filter("beside").fill_null(UNKNOWN).unique(),
            contradicted=(pl.col("beside") & pl.col("blank") & above).any(),
            both=pl.col("discount_id").filter("among"),
            extra=pl.col("discount_id").filter("beside"),
        )
        .join(unshown, on=PERIOD, how="left")
        .select(
            *PERIOD,
            "extra",
            ids=pl.when(mixed & open_order.not_())
            .then(joined("both", "invoiced").list.unique(maintain_order=True))
            .otherwise(joined("invoiced", "extra")),
            contradicted="contradicted",
            unordered=mixed & open_order,
        )
    )
    return periods.join(extra, on=PERIOD, how="left").with_columns(
        pl.col("contradicted", "unordered").fill_null(value=False),
        ids=pl.coalesce("ids", "invoiced"),
    )


def with_discounts(
    rows: pl.LazyFrame,
    lines: pl.LazyFrame,
    refs: pl.LazyFrame,
    coupons: pl.LazyFrame,
    known: pl.LazyFrame,
    prices: pl.LazyFrame,
) -> pl.LazyFrame:
    """`rows` with the discounts of their service period and the grade of that.

    The grade counts where the discounts do: nothing is taken off a trial, and usage has those of its own bill, once
    there was one.
    """
    both = _beside(
        invoiced(rows, lines).join(in_force(known, refs, coupons), on=PERIOD, how="left"),
        refs,
        coupons,
    )
    both = both.collect().lazy()
    both = both.join(_drafts_in_doubt(both, refs), on=PERIOD, how="left").collect().lazy()
    given_at_once = pl.col("extra").list.set_intersection(pl.col("at_once")).list.len() > 0
    given_at_once = given_at_once.fill_null(value=False)
    # A line with nothing left does not show what would have reduced it. Its invoice names what stands above the lines.
    above_told = pl.col("named").fill_null(value=False) & ahead().not_()
    moved = pl.when(above_told).then("moved_on_item").otherwise("moved").fill_null(value=False)
    moved = given_at_once | moved
    early = pl.col("early").fill_null(value=False)
    untold = pl.col("invoiced").is_null() | pl.col("blank").fill_null(value=False)
    open_question = pl.any_horizontal("tied", "in_doubt", "contradicted", "voided_ahead")
    unclear = open_question | (untold & (moved | early.not_() | ahead()))
    ids = both.select(
        *PERIOD,
        "shown",
        "ids",
        "unordered",
        late=ahead() | early.not_() | moved,
        # What reduces this product: a line with nothing left does not show it.
        billed_product=pl.when(untold.not_()).then("product_id"),
        discount_evidence=pl.when(unclear)
        .then(pl.lit("bounded"))
        .when(pl.col("invoiced").is_not_null() | early)
        .then(pl.lit("exact"))
        .otherwise(pl.lit("bounded")),
    )
    ids = ids.collect().lazy()
    currencies = rows.select("subscription_item_id", "currency").unique("subscription_item_id")
    found = (
        with_references(ids, refs, PERIOD)
        .join(currencies, on="subscription_item_id", how="left")
        .collect()
        .lazy()
    )
    products = prices.select("price_id", "product_id", "usage_type").unique("price_id")
    reduces = pl.any_horizontal(
        pl.col("status").eq_missing("trialing"),
        pl.col("in_trial"),
        pl.col("usage_type").eq_missing("metered")
        & (pl.col("billed_from") <= pl.col("valid_from")).fill_null(value=False),
    ).not_()
    elsewhere = pl.col("billed_product").ne_missing(pl.col("product_id"))
    none = pl.lit([], dtype=pl.List(DISCOUNT_REF))
    doubtful = pl.col("unknown_limits") | (pl.col("late") & pl.col("has_limited"))
    unknown = pl.col("unknown_coupon") | (doubtful & elsewhere)
    return (
        rows.join(found.drop("currency", "shown"), on=PERIOD, how="left")
        .join(without_coupon(found, coupons, PERIOD), on=PERIOD, how="left")
        .join(_without_limits(found, refs, coupons), on=PERIOD, how="left")
        .join(_with_limited(known, lines, refs, coupons), on="customer_id", how="left")
        .join(products, on="price_id", how="left")
        .join(first_bills(lines, prices), on="subscription_item_id", how="left")
        .with_columns(
            pl.col("discounts").fill_null(none),
            pl.col("unknown_coupon", "unknown_limits", "late", "has_limited").fill_null(
                value=False
            ),
        )
        .with_columns(
            evidence=worst(
                pl.col("evidence"),
                pl.when(reduces).then(
                    worst(
                        pl.col("discount_evidence").fill_null("bounded"),
                        pl.when(unknown).then(pl.lit("inferred")),
                        pl.when(pl.col("unordered") & elsewhere).then(pl.lit("bounded")),
                    )
                ),
            ),
        )
    )


def _drafts_in_doubt(periods: pl.LazyFrame, refs: pl.LazyFrame) -> pl.LazyFrame:
    """The periods that a draft alone bills with other discounts than events prove to be in force (`in_doubt`).

    A draft may be edited until it is finalised. A discount that was over with its first invoice was in force for it.
    """
    drafts = periods.filter(pl.col("settled").not_()).collect().lazy()
    over = refs.select("discount_id", period_start="end")

    def counted(name: str) -> pl.LazyFrame:
        lasting = (
            drafts.select(*PERIOD, discount_id=name)
            .explode("discount_id", empty_as_null=False, keep_nulls=False)
            .join(over, on=["discount_id", "period_start"], how="anti", maintain_order="left")
            .group_by(PERIOD, maintain_order=True)
            .agg(ids="discount_id")
        )
        given = drafts.select(PERIOD).join(lasting, on=PERIOD, how="left")
        given = given.with_columns(pl.col("ids").fill_null([]))
        ids = pl.col("discounts").list.eval(pl.element().struct.field("discount_id")).list.sort()
        return with_references(given, refs, PERIOD).select(*PERIOD, ids.alias(name))

    given = pl.col("shown").list.set_intersection(pl.col("at_once")).list.len() > 0
    unproved = (
        pl.col("early").fill_null(value=False).not_()
        | pl.col("moved").fill_null(value=False)
        | given.fill_null(value=False)
    )
    return (
        drafts.select(*PERIOD, unproved=unproved)
        .join(counted("ids"), on=PERIOD)
        .join(counted("shown"), on=PERIOD)
        .filter(pl.col("unproved") | (pl.col("ids") != pl.col("shown")))
        .select(*PERIOD, in_doubt=pl.lit(value=True))
    )


def _with_limited(
    known: pl.LazyFrame, lines: pl.LazyFrame, refs: pl.LazyFrame, coupons: pl.LazyFrame
) -> pl.LazyFrame:
    """The customers who ever had a discount for some products only, or nobody knows for which (`has_limited`).

    It leaves no trace on the lines of others: where it was not seen at the start of a period, a change to another
    product in the period may have brought it into force.
    """
    for_all = coupons.filter(pl.col("applies_to").is_null() & pl.col("full"))
    given = refs.join(for_all, on="coupon_id", how="anti")
    of_nobody = given.filter(pl.col("customer_id").is_null())
    held_by = known.collect_schema()["subscription_id"]
    seen = (
        frame.filter(pl.col(name).list.len() > 0)
        .select("customer_id", discount_id=name)
        .explode("discount_id", empty_as_null=False, keep_nulls=False)
        for frame, name in (
            (known, "item_discounts"),
            (known, "subscription_discounts"),
            (lines, "line_discounts"),
        )
    )
    return (
        pl.concat(
            each.select("customer_id")
            for each in (
                given,
                known.join(
                    of_nobody.select(pl.col("subscription_id").cast(held_by, strict=False)),
                    on="subscription_id",
                    how="semi",
                ),
                pl.concat(seen).join(refs, on="discount_id", how="anti"),
                lines.filter(pl.col("named").not_()),
            )
        )
        .drop_nulls()
        .unique()
        .with_columns(has_limited=pl.lit(value=True))
    )


def _without_limits(found: pl.LazyFrame, refs: pl.LazyFrame, coupons: pl.LazyFrame) -> pl.LazyFrame:
    """The periods with a discount whose coupon may be limited to products that nobody knows (`unknown_limits`).

    A coupon that was deleted before a list showed it, told by events or by nothing any more: its invoices tell of the
    products that they name alone.
    """
    held = found.select(*PERIOD, "discounts").explode(
        "discounts", empty_as_null=False, keep_nulls=False
    )
    shown = found.select(*PERIOD, discount_id="shown").explode(
        "discount_id", empty_as_null=False, keep_nulls=False
    )
    return (
        pl.concat([held.select(*PERIOD, pl.col("discounts").struct.field("discount_id")), shown])
        .join(whole_discounts(refs, coupons), on="discount_id", how="anti")
        .select(*PERIOD, unknown_limits=pl.lit(value=True))
        .unique()
    )
