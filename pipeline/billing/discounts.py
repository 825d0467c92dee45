"""The discounts that invoices show, and what a discount's id refers to.

Belongs here: which discounts reduced the invoice of a period, references to coupons, and what no coupon explains. Which
of them count for the period is in `periods`.
"""

from collections.abc import Sequence

import polars as pl

PERIOD = ["subscription_item_id", "period_start"]
"""What identifies a service period of an item."""
LATEST = ["settled", "invoiced_at", "invoice_id", "line_id"]
"""Of several invoices of a period the last in this order decides."""
NO_IDS = pl.lit([], dtype=pl.List(pl.String))


def period_discounts(lines: pl.LazyFrame, key: Sequence[str] = PERIOD) -> pl.LazyFrame:
    """The discounts that reduced each item's invoice of the period that starts at `period_start`, in order.

    One row per `key` that was invoiced: `ids`, which may be empty, the product_id it was invoiced for, its currency,
    period_end and invoiced_at. A void invoice tells what was in force (`void`) where no other tells, a draft (`settled`
    false) where no final one does; of several invoices made in one second that differ (`tied`) any may be the last.
    Where nothing is left of its lines (`blank`) it may not show all that reduced them; what reduced the whole invoice
    it may name (`named`). What it may have taken off without a trace (`faint`) leaves the same doubt as two last
    invoices.

    Args:
        lines: ordinary invoice lines.
        key: what names a period; with `period_end` where one may have no length, and so the start of the next one.
    """
    ordinary = (
        lines.filter(pl.col("proration").not_())
        .select(
            *dict.fromkeys((*key, "period_end")),
            *LATEST,
            "product_id",
            "currency",
            "named",
            "reduced",
            "faint",
            void=pl.col("invoice_status") == "void",
            ids=pl.col("line_discounts").fill_null(NO_IDS),
        )
        .with_columns(alone=pl.len().over(key) == 1)
        .collect()
        .lazy()
    )
    # Most periods have one line, and nothing to decide.
    alone = ordinary.filter("alone").with_columns(
        tied="faint",
        blank=pl.col("reduced").fill_null(0) <= 0,
        ids=pl.col("ids").list.unique(maintain_order=True),
    )
    several = _of_several_lines(ordinary.filter(pl.col("alone").not_()), key)
    columns = several.collect_schema().names()
    return pl.concat([alone.select(columns), several])


def _of_several_lines(ordinary: pl.LazyFrame, key: Sequence[str]) -> pl.LazyFrame:
    """`period_discounts` of the periods with more than one line: the last invoice decides."""
    ordinary = ordinary.sort(pl.col("void").not_(), *LATEST).collect().lazy()
    last = (
        ordinary.group_by(key)
        .agg(
            pl.col("product_id", "currency", "invoiced_at").last(),
            pl.col("settled", "invoice_id", "void", "named").last(),
            *(pl.col(name).max() for name in {"period_end"}.difference(key)),
            several=pl.col("invoice_id").min() != pl.col("invoice_id").max(),
        )
        .collect()
        .lazy()
    )
    # Tiers have a line each; a line of zero may not name what reduced the others.
    ids = pl.col("ids").explode(empty_as_null=False, keep_nulls=False).unique(maintain_order=True)
    of_last = (
        ordinary.join(last.select(*key, "invoice_id"), on=[*key, "invoice_id"], how="semi")
        .group_by(key, maintain_order=True)
        .agg(ids=ids, blank=pl.col("reduced").sum() <= 0, faint=pl.col("faint").any())
    )
    tied = (
        ordinary.join(last.filter("several"), on=[*key, "void", *LATEST[:2]], how="semi")
        .group_by(*key, "invoice_id", maintain_order=True)
        .agg(ids=ids)
        .group_by(key)
        .agg(tied=pl.col("ids").list.join(",").n_unique() > 1)
    )
    return (
        last.drop("invoice_id", "several")
        .join(of_last, on=key)
        .join(tied, on=key, how="left")
        .with_columns(tied=pl.col("tied").fill_null(value=False) | pl.col("faint"))
        .drop("faint")
    )


def by_list(refs: pl.LazyFrame, subscriptions: pl.LazyFrame) -> pl.LazyFrame:
    """`refs` (DISCOUNT) without those that are listed where, by their own record, they are not.

    Whose a discount is decides what it reduces, and after which others. Of two records that contradict each other
    nobody knows which one is right: such a discount is one that no evidence explains.

    Args:
        refs: what the discounts' own records say.
        subscriptions: OBSERVED_SUBSCRIPTION, with the discounts that subscriptions and their items list.
    """
    item = pl.element().struct.field("discounts").list.len() > 0
    of_items = (
        subscriptions.filter(pl.col("items").list.eval(item).list.any())
        .select("subscription_id", "items")
        .explode("items", empty_as_null=False, keep_nulls=False)
        .select(
            "subscription_id",
            subscription_item_id=pl.col("items").struct.field("id"),
            discount_id=pl.col("items").struct.field("discounts"),
        )
    )
    of_subscriptions = subscriptions.select(
        "subscription_id",
        subscription_item_id=pl.lit(None, dtype=pl.String),
        discount_id="subscription_discounts",
    ).filter(pl.col("discount_id").list.len() > 0)
    whose = ("subscription_id", "subscription_item_id")
    listed = (
        pl.concat([of_items, of_subscriptions])
        .explode("discount_id", empty_as_null=False, keep_nulls=False)
        .unique()
    )
    contradicted = (
        refs.select("discount_id", *whose)
        .join(listed, on="discount_id", suffix="_listed")
        .filter(
            pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_listed")) for name in whose)
        )
    )
    return refs.join(contradicted, on="discount_id", how="anti", maintain_order="left")


def whole_discounts(refs: pl.LazyFrame, coupons: pl.LazyFrame) -> pl.LazyFrame:
    """The ids of the discounts (DISCOUNT) of which it is known what they are limited to (`discount_id`).

    Of another one only the lines that it reduced tell which products it is for.
    """
    known = coupons.filter("full").select("coupon_id")
    return refs.join(known, on="coupon_id", how="semi").select("discount_id")


def sizes(refs: pl.LazyFrame, coupons: pl.LazyFrame) -> pl.LazyFrame:
    """How much each discount takes off: `discount_id, percent_ppm, amount_off`, the least in any currency."""
    known = coupons.group_by("coupon_id").agg(pl.col("percent_ppm", "amount_off").min())
    return refs.join(known, on="coupon_id").select("discount_id", "percent_ppm", "amount_off")


def level_of_discount() -> pl.Expr:
    """Whose a discount (DISCOUNT) is: the item's, the subscription's (or an invoice's own), the customer's."""
    return (
        pl.when(pl.col("subscription_item_id").is_not_null())
        .then(pl.lit("item"))
        .when(pl.col("subscription_id").is_not_null() | pl.col("one_off"))
        .then(pl.lit("subscription"))
        .otherwise(pl.lit("customer"))
    )


def with_references(rows: pl.LazyFrame, refs: pl.LazyFrame, key: list[str]) -> pl.LazyFrame:
    """`rows` (unique on `key`, discount ids in `ids`) with `discounts`: references in order of application.

    Item discounts come before the subscription's; the customer's counts where the subscription has none. A discount
    that no evidence explains keeps a null coupon, so that the value can be marked instead of guessed.
    """
    named = (
        rows.select(*key, "ids", position=pl.int_ranges(pl.col("ids").list.len().fill_null(0)))
        .explode("ids", "position", empty_as_null=False, keep_nulls=False)
        .join(
            refs.select(ids="discount_id", coupon_id="coupon_id", level=level_of_discount()),
            on="ids",
            how="left",
        )
        # One that no evidence explains stands with the customer's: it may be anybody's, so it always counts.
        .with_columns(pl.col("level").fill_null("customer"), anybodys=pl.col("level").is_null())
        .with_columns(
            order=pl.col("level").replace_strict(
                {"item": 0, "subscription": 1, "customer": 2}, return_dtype=pl.Int8
            )
        )
        .filter(
            (pl.col("level") != "customer")
            | pl.col("anybodys")
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


def without_coupon(rows: pl.LazyFrame, coupons: pl.LazyFrame, key: list[str]) -> pl.LazyFrame:
    """The keys of `rows` with a discount whose coupon, in their currency, no evidence explains to the last decimal.

    Their value can only be inferred (`unknown_coupon`).
    """
    percentages = coupons.filter((pl.col("currency") == "") & pl.col("rounded").not_())
    return (
        rows.select(*key, "currency", "discounts")
        .explode("discounts", empty_as_null=False, keep_nulls=False)
        .with_columns(coupon_id=pl.col("discounts").struct.field("coupon_id"))
        .join(percentages, on="coupon_id", how="anti")
        .join(coupons, on=["coupon_id", "currency"], how="anti")
        .select(*key, unknown_coupon=pl.lit(value=True))
        .unique()
    )
