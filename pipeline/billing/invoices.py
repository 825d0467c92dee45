"""What invoices say: prices and quantities of past service periods, discounts that reduced them, usage charges.

Belongs here: evidence of the third kind (docs/method.md, "Evidence"). Void invoices prove no state of an item,
but tell what discounts were in force.
"""

import polars as pl

from pipeline import schemas
from pipeline.billing.chosen import latest
from pipeline.billing.price_versions import version_at
from pipeline.billing.taxes import SHARE, computed, share_of

FINAL = ("open", "paid", "uncollectible")


def lines(invoices: pl.LazyFrame, items: pl.LazyFrame) -> pl.LazyFrame:
    """One row per line of the newest record of each invoice that is about a subscription item.

    Args:
        invoices: OBSERVED_INVOICE rows.
        items: `invoice_items` of the same evidence.

    Columns: invoice_id, invoice_status, invoiced_at, customer_id, source_account, currency, line_id, amount (minor
    units before discounts), quantity, period_start, period_end, price_id, subscription_item_id, subscription_id,
    invoice_item_id, proration, line_discounts (discount ids in order), reduced, included, line_tax_rates.
    """
    named = items.select("invoice_item_id", item_item="subscription_item_id")
    return (
        latest(invoices, "source_account", "invoice_id")
        .drop("observed_at", "hash", "tax_rates")
        .explode("lines", empty_as_null=False, keep_nulls=False)
        .unnest("lines")
        .join(named, on="invoice_item_id", how="left")
        .with_columns(subscription_item_id=pl.coalesce("line_item", "item_item"))
        .drop("line_item", "item_item")
        .filter(pl.col("subscription_item_id").is_not_null())
    )


def valid(items: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """`invoice_items` without those of void invoices: a change that was never paid for did not happen."""
    void = lines.filter(pl.col("invoice_status") == "void").select(
        "source_account", "invoice_item_id"
    )
    return items.join(void, on=["source_account", "invoice_item_id"], how="anti")


def invoice_items(observed: pl.LazyFrame) -> pl.LazyFrame:
    """One row per proration invoice item, pending ones too: what changed when (`changed_at` = its `date`).

    Args:
        observed: OBSERVED_INVOICE_ITEM rows.
    """
    newest = latest(observed, "source_account", "invoice_item_id")
    return newest.filter("proration").drop("observed_at", "hash", "proration")


def as_states(lines: pl.LazyFrame, prices: pl.LazyFrame) -> pl.LazyFrame:
    """`lines` read as states of their items.

    The quantity of a metered line is what was used, no state: null. A line that asks nothing for units that have a
    price was on trial (`tried`); a discount would leave its amount and take it off beside.
    """
    key = ["price_id", "currency", "price_version"]
    known = prices.select(*key, "usage_type", "unit")
    metered = pl.col("usage_type").eq_missing("metered")
    asked_nothing = (pl.col("amount") == 0) & (pl.col("quantity") > 0) & (pl.col("unit") > 0)
    return (
        version_at(lines, prices, "invoiced_at")
        .join(known, on=key, how="left")
        .with_columns(
            metered=metered,
            tried=asked_nothing.fill_null(value=False) & metered.not_(),
            quantity=pl.when(metered.not_()).then("quantity"),
        )
        .drop("usage_type", "unit", "price_version")
    )


def without_coupon(rows: pl.LazyFrame, coupons: pl.LazyFrame, key: list[str]) -> pl.LazyFrame:
    """The keys of `rows` with a discount whose coupon, in their currency, no evidence explains.

    Their value can only be inferred (`unknown_coupon`).
    """
    percentages = coupons.filter(pl.col("currency") == "")
    return (
        rows.select(*key, "currency", "discounts")
        .explode("discounts", empty_as_null=False, keep_nulls=False)
        .with_columns(coupon_id=pl.col("discounts").struct.field("coupon_id"))
        .join(percentages, on="coupon_id", how="anti")
        .join(coupons, on=["coupon_id", "currency"], how="anti")
        .select(*key, unknown_coupon=pl.lit(value=True))
        .unique()
    )


def usage_charges(
    lines: pl.LazyFrame, prices: pl.LazyFrame, refs: pl.LazyFrame, coupons: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per metered item and service period that was invoiced (USAGE_CHARGE)."""
    metered = prices.filter(pl.col("usage_type") == "metered").select("price_id").unique()
    charged = lines.filter((pl.col("invoice_status") != "void") & pl.col("proration").not_()).join(
        metered, on="price_id", how="semi"
    )
    key = ["subscription_item_id", "period_start", "period_end"]
    final = pl.col("invoice_status").is_in(FINAL).all()
    found = with_references(
        period_discounts(charged).drop("product_id", "period_end"), refs, key[:2]
    )
    found = found.collect().lazy()
    return schemas.USAGE_CHARGE.conform(
        charged.sort(*key, "line_id")
        .group_by(key, maintain_order=True)
        .agg(
            pl.col("customer_id", "currency", "price_id", "invoice_id").last(),
            pl.col("amount").sum(),
            *share_of(computed(), pl.col("reduced"), pl.col("included")),
            evidence=pl.when(final).then(pl.lit("exact")).otherwise(pl.lit("inferred")),
        )
        .join(found.drop("currency"), on=key[:2], how="left")
        .join(without_coupon(found, coupons, key[:2]), on=key[:2], how="left")
        .with_columns(
            pl.col("discounts").fill_null([]),
            pl.col(SHARE).fill_null(1),
            evidence=pl.when("unknown_coupon").then(pl.lit("inferred")).otherwise("evidence"),
        )
    )


def period_discounts(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The discounts that reduced each item's invoice of the period that starts at `period_start`, in order.

    One row per (subscription_item_id, period_start) that was invoiced: `ids`, which may be empty, the product_id it
    was invoiced for, its currency, period_end and invoiced_at. A void invoice tells what was in force (`void`) where no
    other tells; of several invoices made in one second (`tied`) any may be the last.
    """
    newest = pl.col("invoiced_at") == pl.col("invoiced_at").max()
    void = pl.col("invoice_status") == "void"
    return (
        lines.filter(pl.col("proration").not_())
        .sort(void.not_(), "invoiced_at", "invoice_id", "line_id")
        .group_by("subscription_item_id", "period_start")
        .agg(
            pl.col("product_id", "currency", "invoiced_at").last(),
            pl.col("period_end").max(),
            # Tiers have a line each; a line of zero may not name what reduced the others.
            ids=pl.col("line_discounts")
            .filter(pl.col("invoice_id") == pl.col("invoice_id").last())
            .explode(empty_as_null=False, keep_nulls=False)
            .unique(maintain_order=True),
            void=void.all(),
            tied=pl.col("invoice_id").filter(newest).n_unique() > 1,
        )
    )


def with_references(rows: pl.LazyFrame, refs: pl.LazyFrame, key: list[str]) -> pl.LazyFrame:
    """`rows` (unique on `key`, discount ids in `ids`) with `discounts`: references in order of application.

    Item discounts come before the subscription's; the customer's counts where the subscription has none. A discount
    that no evidence explains keeps a null coupon, so that the value can be marked instead of guessed.
    """
    level = (
        pl.when(pl.col("subscription_item_id_ref").is_not_null())
        .then(pl.lit("item"))
        .when(pl.col("subscription_id_ref").is_not_null() | pl.col("one_off"))
        .then(pl.lit("subscription"))
        .otherwise(pl.lit("customer"))
    )
    named = (
        rows.select(*key, "ids", position=pl.int_ranges(pl.col("ids").list.len().fill_null(0)))
        .explode("ids", "position", empty_as_null=False, keep_nulls=False)
        .join(
            refs.select(
                ids="discount_id",
                coupon_id="coupon_id",
                subscription_item_id_ref="subscription_item_id",
                subscription_id_ref="subscription_id",
                one_off="one_off",
            ),
            on="ids",
            how="left",
        )
        .with_columns(level=level)
        .with_columns(
            order=pl.col("level").replace_strict(
                {"item": 0, "subscription": 1, "customer": 2}, return_dtype=pl.Int8
            )
        )
        .filter(
            (pl.col("level") != "customer")
            | (pl.col("level") == "subscription").any().over(key).not_()
        )
        .sort(*key, "order", "position")
        .group_by(key, maintain_order=True)
        .agg(discounts=pl.struct(discount_id="ids", coupon_id="coupon_id", level="level"))
    )
    return (
        rows.drop("ids")
        .join(named, on=key, how="left")
        .with_columns(pl.col("discounts").fill_null([]))
    )
