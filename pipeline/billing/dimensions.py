"""Customers, products, coupons and discounts: what subscriptions refer to, as the newest record has it.

Prices are in `prices`.
"""

import polars as pl

from pipeline import schemas
from pipeline.billing.asof import asof
from pipeline.billing.chosen import latest
from pipeline.billing.decoding import Evidence


def customers(evidence: Evidence) -> pl.LazyFrame:
    """One row per Stripe customer that was listed or is referred to by a subscription (CUSTOMER).

    A customer deleted before the first sync is known by its id alone.
    """
    key = ["source_account", "customer_id"]
    known = latest(evidence.customer, *key)
    referred = evidence.subscription.select(key).drop_nulls("customer_id").unique()
    unlisted = referred.join(known, on="customer_id", how="anti")
    return schemas.CUSTOMER.conform(
        pl.concat([known, unlisted.with_columns(deleted=pl.lit(value=True))], how="diagonal")
    )


def products(evidence: Evidence) -> pl.LazyFrame:
    """One row per Stripe product (PRODUCT)."""
    return schemas.PRODUCT.conform(latest(evidence.product, "product_id"))


def coupons(evidence: Evidence) -> pl.LazyFrame:
    """One row per coupon and currency it takes off (COUPON); deleted coupons stay known.

    What a coupon takes off never changes. An id that was used again for another one is none that is known.
    """
    observed = evidence.coupon
    record = ["coupon_id", "full", "observed_at", "hash"]
    newest = observed.select(record).sort(record).group_by("coupon_id").last()
    told = observed.with_columns(limits=pl.col("applies_to").list.sort().list.join(","))
    terms = pl.struct("percent_ppm", "duration", "duration_in_months")
    several = pl.concat(
        [
            told.group_by("coupon_id")
            .agg(
                terms.n_unique(),
                pl.col("limits").filter("full").n_unique(),
                pl.col("made_at").drop_nulls().n_unique(),
            )
            .filter(pl.max_horizontal("percent_ppm", "limits", "made_at") > 1)
            .select("coupon_id"),
            told.group_by("coupon_id", "currency")
            .agg(pl.col("amount_off").n_unique())
            .filter(pl.col("amount_off") > 1)
            .select("coupon_id"),
        ]
    )
    return schemas.COUPON.conform(
        observed.join(newest, on=record, how="semi")
        .join(several, on="coupon_id", how="anti")
        .group_by("coupon_id", "currency")
        .last()
    )


def discounts(evidence: Evidence, covered: pl.LazyFrame) -> pl.LazyFrame:
    """One row per discount ever seen on a subscription, an invoice or in an event (DISCOUNT).

    A customer has one discount of its own at most: each is over when the next one starts, and where a listing shows
    another or none; if no event said that it went, it went before every event was known. A discount that was seen with
    two coupons, or is older than its coupon, has none that is known.

    Args:
        evidence: decoded records.
        covered: `coverage.spans`.
    """
    rows = (
        evidence.discount.sort("observed_at", "said_at", "hash", nulls_last=False)
        .group_by("discount_id")
        .agg(
            pl.exclude("gone_at", "end", "announced_end").last(),
            # Of a discount that was switched the event gives no end.
            pl.col("end", "announced_end").filter(pl.col("gone_at").is_null()).last(),
            pl.col("gone_at").min(),
            coupons=pl.col("coupon_id").drop_nulls().n_unique(),
        )
    )
    of_customers = rows.filter(
        pl.all_horizontal(
            pl.col("subscription_id").is_null(),
            pl.col("subscription_item_id").is_null(),
            pl.col("one_off").fill_null(value=False).not_(),
        )
    )
    # Of two that start in one second the one that is gone came first.
    order = ("customer_id", "start", pl.col("gone_at").is_null(), "discount_id")
    over = of_customers.sort(*order).select(
        "discount_id", next_start=pl.col("start").shift(-1).over("customer_id")
    )
    return schemas.DISCOUNT.conform(
        rows.join(over, on="discount_id", how="left")
        .join(_unlisted(of_customers, evidence.customer, covered), on="discount_id", how="left")
        .join(
            evidence.coupon.group_by("coupon_id").agg(pl.col("made_at").max()),
            on="coupon_id",
            how="left",
        )
        .with_columns(
            coupon_id=pl.when(
                (pl.col("coupons") <= 1)
                & (pl.col("start") < pl.col("made_at")).fill_null(value=False).not_()
            ).then("coupon_id"),
            end=pl.min_horizontal("end", "gone_at", "next_start", "unlisted_at"),
        )
    )


def _unlisted(
    of_customers: pl.LazyFrame, customers: pl.LazyFrame, covered: pl.LazyFrame
) -> pl.LazyFrame:
    """When a listing first showed a customer without the discount, or since when events would have told of its end."""
    others = pl.col("shown").ne_missing(pl.col("discount_id"))
    # A customer that was deleted is listed without anything, and no event tells of its discount.
    told = (
        (pl.col("start") < pl.col("covered_from"))
        & (pl.col("observed_at") <= pl.col("covered_to"))
        & (pl.col("gone_at").is_null() & pl.col("deleted").not_())
    )
    return (
        of_customers.select("discount_id", "customer_id", "start", "gone_at")
        .join(
            customers.select(
                "customer_id", "source_account", "observed_at", "deleted", shown="discount_id"
            ),
            on="customer_id",
        )
        # `start` is a whole second: a listing within it may have come before.
        .filter(others & (pl.col("observed_at").dt.truncate("1s") > pl.col("start")))
        .sort("observed_at")
        .group_by("discount_id", maintain_order=True)
        .first()
        .pipe(asof, "observed_at", covered, "covered_from", "source_account")
        .select(
            "discount_id",
            unlisted_at=pl.when(told).then("covered_from").otherwise("observed_at"),
        )
    )
