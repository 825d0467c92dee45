"""What movements are computed from: the frames of the rooms above, joined by account.

Belongs here: the inputs and the questions they answer directly. Values are in `value`, ends of months in `instants`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

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
    subscription_phase: pl.LazyFrame = field(
        default_factory=lambda: schemas.SUBSCRIPTION_PHASE.empty().lazy()
    )
    plans: Mapping[str, str] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    first_paid_on: Mapping[str, str] = field(default_factory=dict)

    def shared(self, of: int) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """The timeline and usage charges with the number of their account's share of `of`, in a column `share`."""
        links = self.account_link.select("customer_id", "account_id")
        share = (pl.coalesce("account_id", "customer_id").hash() % of).cast(pl.UInt32)
        timeline = (
            self.item_timeline.join(links, on="customer_id", how="left", maintain_order="left")
            .with_columns(share=share)
            .drop("account_id")
        )
        items = timeline.select("subscription_item_id", "share").unique("subscription_item_id")
        return timeline, self.usage_charge.join(items, on="subscription_item_id")

    def share(self, number: int, of: int) -> "Book":
        """The book of some accounts, with everything that is theirs: each account is in one share of `of`."""
        if of == 1:
            return self
        frames = (frame.filter(share=number).drop("share") for frame in self.shared(of))
        timeline, usage = (frame.collect(engine="streaming").lazy() for frame in frames)
        return replace(self, item_timeline=timeline, usage_charge=usage)

    def of(self, accounts: pl.Series) -> "Book":
        """The book of `accounts` (ids) alone, with everything that is theirs."""
        theirs = self.items().filter(pl.col("account_id").is_in(accounts.implode()))
        items = theirs.select("subscription_item_id").unique().collect().lazy()
        timeline, usage = (
            frame.join(items, on="subscription_item_id", how="semi")
            for frame in (self.item_timeline, self.usage_charge)
        )
        return replace(self, item_timeline=timeline, usage_charge=usage)

    def since(self, instant: datetime) -> "Book":
        """What the values from `instant` on rest on: states that last until then, and the charge in force then."""
        lasting, in_force = _lasting(instant), _in_force(instant)
        return replace(
            self,
            item_timeline=self.item_timeline.filter(lasting),
            usage_charge=self.usage_charge.filter(in_force),
        )

    def before(self, instant: datetime) -> pl.LazyFrame:
        """The accounts (account_id) with a state or a charge that `since` leaves out, each once."""
        items = self.items()
        of_charges = self.usage_charge.filter(~_in_force(instant)).select("subscription_item_id")
        charged = items.join(of_charges, on="subscription_item_id", how="semi")
        left = pl.concat([items.filter(~_lasting(instant)), charged])
        return left.select("account_id").unique()

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
        mapped = mapped_plan(self.plans)
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


def _lasting(instant: datetime) -> pl.Expr:
    return pl.col("valid_to").is_null() | (pl.col("valid_to") >= instant)


def _in_force(instant: datetime) -> pl.Expr:
    ended = pl.col("period_end")
    before = ended.filter(ended < instant).max().over("subscription_item_id")
    return (ended >= instant) | (ended == before)


def mapped_plan(plans: Mapping[str, str]) -> pl.Expr:
    """The plan that is named for a row of PRICE, by its id, else its lookup key, else its product; else null."""
    if not plans:
        return pl.lit(None, dtype=pl.String)
    return pl.coalesce(
        [
            pl.col(column).replace_strict(dict(plans), default=None, return_dtype=pl.String)
            for column in ("price_id", "lookup_key", "product_id")
        ]
    )


def empty_links() -> pl.LazyFrame:
    """No links: every customer is its own account."""
    return schemas.ACCOUNT_LINK.empty().lazy()
