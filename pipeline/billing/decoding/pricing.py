"""Decoding of prices: those that a list gives, those that only items of subscriptions show, and when one was updated.

Belongs here: OBSERVED_PRICE and OBSERVED_PRICE_EDIT, money still in minor units. A price has one row for each currency
it can be charged in, so that a subscription in another currency finds its currency option. Which record counts when is
in `prices`.
"""

from collections.abc import Sequence

import polars as pl

from pipeline import schemas
from pipeline.billing.charges import PAIR
from pipeline.billing.decoding import payload as p

SEEN = ("source_account", "sync_id", "observed_at", "hash")


def _fraction(amount: pl.Expr) -> pl.Expr:
    """The significant decimals of a decimal string: `12.50` -> `5`, `12` -> empty."""
    return amount.str.extract(r"\.(\d*?)0*$").fill_null("")


def _scaled(amount: pl.Expr, scale: pl.Expr) -> pl.Expr:
    """A decimal string as a whole number of 10^-scale; null stays null, and what Int64 cannot hold becomes it."""
    whole = amount.str.extract(r"^(-?\d+)").cast(pl.Int128, strict=False)
    fraction = _fraction(amount)
    digits = fraction.str.len_chars().cast(pl.Int64)
    ten = pl.lit(10, dtype=pl.Int64)
    part = pl.when(digits > 0).then(fraction).otherwise(pl.lit("0")).cast(pl.Int128, strict=False)
    most, rest = (ten.pow(power).cast(pl.Int128) for power in (scale, scale - digits))
    return (whole * most + part * rest).cast(pl.Int64, strict=False)


def _tier(amount: str) -> pl.Expr:
    """An amount of a tier; one that is not given is nothing."""
    return (
        pl.when(pl.col(amount).is_null())
        .then(0)
        .otherwise(_scaled(pl.col(amount), pl.col("scale")))
    )


def prices(raw: pl.LazyFrame, currencies: Sequence[str]) -> pl.LazyFrame:
    """OBSERVED_PRICE of the list of prices: recurring prices only.

    Args:
        raw: RAW_RECORD rows.
        currencies: those that a price may have options in.
    """
    rows = p.stream(raw, "price").with_row_index("record").collect()
    options = pl.Struct(dict.fromkeys(currencies or ["usd"], p.PRICE_OPTION))
    dtype = pl.Struct({**p.PRICE_FIELDS, "currency_options": options})
    price = p.decoded(rows.lazy(), dtype).filter(p.field("recurring").is_not_null())
    own = price.with_columns(
        charge_currency=p.field("currency"),
        amount=p.field("unit_amount_decimal"),
        steps=p.field("tiers"),
    )
    other = [
        price.with_columns(
            charge_currency=pl.lit(currency),
            amount=p.field("currency_options", currency, "unit_amount_decimal"),
            steps=p.field("currency_options", currency, "tiers"),
        ).filter(
            (p.field("currency") != currency)
            & (pl.col("amount").is_not_null() | pl.col("steps").is_not_null())
        )
        for currency in currencies
    ]
    return _rows(pl.concat([own, *other]).with_columns(listed=pl.lit(value=True)))


def _rows(charged: pl.LazyFrame) -> pl.LazyFrame:
    """OBSERVED_PRICE: `unit` and tiers are whole numbers of 10^-scale minor units, so fractional cents stay exact.

    Args:
        charged: one row per record and charge_currency, with the price in `o`, its `amount` and tiers (`steps`) in that
            currency; `record` is a number.
    """
    key = ["record", "charge_currency"]
    tier = (
        charged.select(*key, "steps")
        .explode("steps", empty_as_null=False, keep_nulls=False)
        .with_columns(pl.col("steps").struct.unnest())
    )
    decimals = (
        pl.concat(
            [
                rows.select(*key, digits=_fraction(pl.col(amount)).str.len_chars())
                for rows, amount in (
                    (charged, "amount"),
                    (tier, "unit_amount_decimal"),
                    (tier, "flat_amount_decimal"),
                )
            ]
        )
        .group_by(key)
        .agg(scale=pl.col("digits").max().cast(pl.Int64))
    )
    tiers = (
        tier.join(decimals, on=key)
        .with_columns(bound=pl.col("up_to").fill_null(2**62))
        .sort(*key, "bound")
        .group_by(key, maintain_order=True)
        .agg(
            tiers=pl.struct(
                up_to="up_to",
                unit=_tier("unit_amount_decimal"),
                flat=_tier("flat_amount_decimal"),
            )
        )
    )
    return (
        charged.join(decimals, on=key, how="left")
        .join(tiers, on=key, how="left")
        .select(
            *SEEN,
            "tiers",
            "listed",
            price_id=p.field("id"),
            currency="charge_currency",
            product_id=p.field("product"),
            lookup_key=p.field("lookup_key"),
            billing_scheme=p.field("billing_scheme"),
            tiers_mode=p.field("tiers_mode"),
            usage_type=p.field("recurring", "usage_type").fill_null("licensed"),
            interval=p.field("recurring", "interval"),
            interval_count=p.field("recurring", "interval_count"),
            scale=pl.col("scale").fill_null(0),
            unit=_scaled(pl.col("amount"), pl.col("scale")),
            divide_by=p.field("transform_quantity", "divide_by"),
            round=p.field("transform_quantity", "round"),
            own=p.field("currency") == pl.col("charge_currency"),
            created_at=p.instant(p.field("created")),
        )
    )


def inline(raw: pl.LazyFrame, subscriptions: pl.LazyFrame, listed: pl.LazyFrame) -> pl.LazyFrame:
    """OBSERVED_PRICE of the prices and currencies of subscriptions that no record of the list of prices in `raw` has.

    An item shows its price without tiers and without currency options. It does so in every record, so one record of
    each price and currency, the first, is enough.

    Args:
        raw: RAW_RECORD rows.
        subscriptions: OBSERVED_SUBSCRIPTION of `raw`.
        listed: `prices` of `raw`.
    """
    used = (
        subscriptions.select(
            "currency",
            "at",
            record_id=pl.when(pl.col("kind") == "listing")
            .then("subscription_id")
            .otherwise("proof"),
            price_id=pl.col("items").list.eval(pl.element().struct.field("price_id")).list.unique(),
        )
        .explode("price_id", empty_as_null=False, keep_nulls=False)
        .join(listed, on=PAIR, how="anti")
    )
    first = used.group_by(PAIR).agg(pl.col("at").min())
    wanted = used.join(first, on=[*PAIR, "at"], how="semi").unique().collect()
    if wanted.is_empty():
        return schemas.OBSERVED_PRICE.empty().lazy()
    ids = wanted.get_column("record_id").unique().implode()
    records = raw.filter(
        pl.col("source") == "stripe",
        pl.col("stream").is_in(["event", "subscription"]),
        pl.col("id").is_in(ids),
    ).collect()
    shown = _shown(records.lazy()).rename({"id": "record_id"}).with_columns(price_id=p.field("id"))
    same = p.field("currency") == pl.col("currency")
    return _rows(
        shown.join(wanted.lazy().drop("at"), on=["record_id", "price_id"])
        .sort(*PAIR, "observed_at", "hash")
        .unique(PAIR, keep="first", maintain_order=True)
        .with_row_index("record")
        .with_columns(
            charge_currency="currency",
            amount=pl.when(same).then(p.field("unit_amount_decimal")),
            steps=pl.when(same).then(p.field("tiers")),
            listed=pl.lit(value=False),
        )
    )


def billed(
    invoices: pl.LazyFrame, invoice_items: pl.LazyFrame, known: pl.LazyFrame
) -> pl.LazyFrame:
    """OBSERVED_PRICE of the prices and currencies that only bills name: without terms or amounts.

    Args:
        invoices: OBSERVED_INVOICE.
        invoice_items: OBSERVED_INVOICE_ITEM.
        known: OBSERVED_PRICE of the same records.
    """
    named = ["source_account", "currency", "observed_at", "hash"]
    lines = invoices.select(
        *named,
        price_id=pl.col("lines").list.eval(pl.element().struct.field("price_id")).list.unique(),
    ).explode("price_id", empty_as_null=False, keep_nulls=False)
    return (
        pl.concat([lines, invoice_items.select(*named, "price_id")])
        .drop_nulls(PAIR)
        .join(known, on=PAIR, how="anti")
        .group_by(PAIR)
        .agg(pl.col("source_account", "observed_at", "hash").sort_by("observed_at", "hash").first())
        .with_columns(listed=pl.lit(value=False), own=pl.lit(value=False))
    )


def _shown(records: pl.LazyFrame) -> pl.LazyFrame:
    """One row per price that an item in a record of a subscription or its event shows: SEEN, id, the price in `o`."""
    items = p.PRICED_ITEMS
    holder = pl.Struct({"items": items})
    event = pl.Struct({"data": pl.Struct({"object": holder, "previous_attributes": holder})})
    dtype = pl.Struct({**event.to_schema(), "items": items})
    read = p.decoded(records, dtype)
    held = [
        read.select(*SEEN, "id", item=p.field(*path, "items", "data"))
        for path in ((), ("data", "object"), ("data", "previous_attributes"))
    ]
    return (
        pl.concat(held)
        .explode("item", empty_as_null=False, keep_nulls=False)
        .with_columns(o=_price(pl.col("item")))
        .drop("item")
        .filter(_recurs(pl.col("o")))
    )


def _price(item: pl.Expr) -> pl.Expr:
    """The price of an item; of the oldest versions its plan, which has the same id, in the shape of a price."""

    def plan(*names: str) -> pl.Expr:
        return item.struct.field("plan").struct.field(*names)

    apart = {
        "unit_amount_decimal": pl.coalesce(plan("amount_decimal"), plan("amount").cast(pl.String)),
        "recurring": pl.struct(plan("interval", "interval_count", "usage_type")),
        "transform_quantity": plan("transform_usage"),
        "lookup_key": pl.lit(None, dtype=pl.String),
    }
    from_plan = pl.struct(
        (apart[name] if name in apart else plan(name)).alias(name) for name in p.PRICE_FIELDS
    )
    shown = p.inside(item, "price")
    return pl.when(_recurs(shown)).then(shown).otherwise(from_plan)


def _recurs(price: pl.Expr) -> pl.Expr:
    """Whether a price says how often it is charged."""
    names = ("interval", "interval_count")
    return pl.all_horizontal(p.inside(price, "recurring", each).is_not_null() for each in names)


def edits(raw: pl.LazyFrame) -> pl.LazyFrame:
    """OBSERVED_PRICE_EDIT: every event that a price was updated."""
    dtype = pl.Struct(
        {"type": pl.String, "data": pl.Struct({"object": pl.Struct({"id": pl.String})})}
    )
    return p.events(raw, "price.updated", dtype).select(
        "source_account", price_id=p.field("data", "object", "id"), at="created", proof="id"
    )
