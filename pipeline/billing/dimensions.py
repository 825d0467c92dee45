"""Customers, products, prices, coupons and discounts: what subscriptions refer to, as the newest record has it."""

import polars as pl

from pipeline import schemas
from pipeline.billing.decode import Evidence


def latest(rows: pl.LazyFrame, *keys: str) -> pl.LazyFrame:
    """The last seen row of each key; among equals the one with the greatest hash."""
    return rows.sort("observed_at", "hash").group_by(*keys).last()


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


def prices(evidence: Evidence) -> pl.LazyFrame:
    """One row per recurring price and currency it can be charged in (PRICE)."""
    record = ["price_id", "observed_at", "hash"]
    newest = latest(evidence.price.select(record), "price_id")
    return schemas.PRICE.conform(
        evidence.price.join(newest, on=record, how="semi").group_by("price_id", "currency").last()
    )


def coupons(evidence: Evidence) -> pl.LazyFrame:
    """One row per coupon and currency it takes off (COUPON); deleted coupons stay known."""
    record = ["coupon_id", "full", "observed_at", "hash"]
    newest = evidence.coupon.select(record).sort(record).group_by("coupon_id").last()
    return schemas.COUPON.conform(
        evidence.coupon.join(newest, on=record, how="semi").group_by("coupon_id", "currency").last()
    )


def discounts(evidence: Evidence) -> pl.LazyFrame:
    """One row per discount ever seen on a subscription, an invoice or in an event (DISCOUNT)."""
    return schemas.DISCOUNT.conform(
        evidence.discount.sort("observed_at", "said_at", "hash", nulls_last=False)
        .group_by("discount_id")
        .agg(pl.exclude("gone_at").last(), pl.col("gone_at").min())
        .with_columns(end=pl.min_horizontal("end", "gone_at"))
    )
