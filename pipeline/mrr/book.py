"""What movements are computed from: the frames of the rooms above, joined by account.

Belongs here: the inputs and the questions they answer directly. Values are in `value`, ends of months in `instants`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from pipeline import schemas
from pipeline.billing.charges import PRICED_BY


@dataclass(frozen=True, slots=True)
class Book:
    """The frames that MRR is computed from, each with the schema of the table of its name.

    Attributes:
        account_link: current links; a customer without one is its own account.
        plans: price id, lookup key or product id -> plan, from the configuration.
        excluded: customer ids left out (test and internal customers).
    """

    item_timeline: pl.LazyFrame
    usage_charge: pl.LazyFrame
    price: pl.LazyFrame
    coupon: pl.LazyFrame
    product: pl.LazyFrame
    account_link: pl.LazyFrame
    fx_rate: pl.LazyFrame
    plans: Mapping[str, str] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    first_paid_on: Mapping[str, str] = field(default_factory=dict)

    def share(self, number: int, of: int) -> "Book":
        """The book of some accounts, with everything that is theirs: each account is in one share of `of`."""
        if of == 1:
            return self
        links = self.account_link.select("customer_id", "account_id")
        own = pl.coalesce("account_id", "customer_id").hash() % of == number
        timeline = (
            self.item_timeline.join(links, on="customer_id", how="left")
            .filter(own)
            .select(schemas.ITEM_TIMELINE.names)
            .collect(engine="streaming")
            .lazy()
        )
        items = timeline.select("subscription_item_id")
        usage = self.usage_charge.join(items, on="subscription_item_id", how="semi")
        return replace(self, item_timeline=timeline, usage_charge=usage.collect().lazy())

    def items(self) -> pl.LazyFrame:
        """The timeline with each row's account and price; one row per item and span."""
        links = self.account_link.select("customer_id", "account_id")
        rows = self.item_timeline
        if self.excluded:
            rows = rows.filter(pl.col("customer_id").is_in(self.excluded).not_())
        return (
            rows.join(links, on="customer_id", how="left")
            .with_columns(account_id=pl.coalesce("account_id", "customer_id"))
            .join(self.prices(), on=PRICED_BY, how="left")
        )

    def prices(self) -> pl.LazyFrame:
        """PRICE with plan, billing_interval, pricing_model, and the monthly factor as a fraction.

        `amount_version` is the first version with the same amounts.
        """
        count = pl.col("interval_count")
        interval = pl.col("interval")
        label = pl.when(count == 1).then(interval).otherwise(pl.format("{} {}", count, interval))
        seat = (pl.col("billing_scheme") == "per_unit") & pl.col("divide_by").is_null()
        model = (
            pl.when(pl.col("usage_type") == "metered")
            .then(pl.lit("usage"))
            .when(pl.col("billing_scheme") == "tiered")
            .then(pl.lit("tier"))
            .when(seat)
            .then(pl.lit("seat"))
            .otherwise(pl.lit("flat"))
        )
        amounts = pl.struct("scale", "unit", "tiers").hash()
        products = self.product.select("product_id", product_name="name")
        mapped = pl.coalesce(
            _mapped(self.plans, "price_id"),
            _mapped(self.plans, "lookup_key"),
            _mapped(self.plans, "product_id"),
        )
        return self.price.join(products, on="product_id", how="left").select(
            *PRICED_BY, "product_id", "usage_type", "billing_scheme", "interval", "interval_count",
            # Versions that differ in their grade alone have the same amounts.
            amount_version=pl.col("price_version").min().over("price_id", "currency", amounts),
            plan=pl.coalesce(mapped, "product_name", "product_id"),
            plan_key=pl.coalesce(mapped, "product_id"),
            billing_interval=label,
            pricing_model=model,
            factor_num=interval.replace_strict(
                {"year": 1, "month": 1, "week": 52, "day": 365}, return_dtype=pl.Int64
            ),
            factor_den=count
            * interval.replace_strict({"year": 12, "month": 1, "week": 12, "day": 12}, return_dtype=pl.Int64),
        )  # fmt: skip


def _mapped(plans: Mapping[str, str], column: str) -> pl.Expr:
    if not plans:
        return pl.lit(None, dtype=pl.String)
    return pl.col(column).replace_strict(dict(plans), default=None, return_dtype=pl.String)


def empty_links() -> pl.LazyFrame:
    """No links: every customer is its own account."""
    return schemas.ACCOUNT_LINK.empty().lazy()
