"""Customers, products, prices, coupons and discounts: what subscriptions refer to.

Belongs here: one frame a dimension, from raw records, money still in minor units. A price has one row for each
currency it can be charged in, so that a subscription in another currency finds its currency option.
"""

import polars as pl

from pipeline import schemas
from pipeline.billing import payload as p

COUPON_PPM = 10_000
"""A percent_off of 1 is 10,000 millionths."""


def customers(raw: pl.LazyFrame) -> pl.LazyFrame:
    """One row per Stripe customer that was listed or is referred to by a subscription (CUSTOMER).

    A customer deleted before the first sync is known by its id alone.
    """
    listed = p.decoded(p.latest(p.stream(raw, "customer"), "source_account", "id"), p.CUSTOMER)
    metadata = pl.col("payload").str.json_path_match("$.metadata")
    notes = p.latest(p.stream(raw, "customer"), "source_account", "id").select(
        "source_account", "id", metadata=metadata
    )
    known = listed.join(notes, on=["source_account", "id"], how="left").select(
        customer_id="id",
        source_account="source_account",
        name=p.field("name"),
        email=p.field("email"),
        country=p.field("address", "country").str.to_uppercase(),
        currency=p.field("currency"),
        created=p.instant(p.field("created")),
        deleted=p.field("deleted").fill_null(value=False),
        metadata="metadata",
    )
    referred = (
        p.stream(raw, "subscription")
        .select(
            customer_id=pl.col("payload").str.json_path_match("$.customer"),
            source_account="source_account",
        )
        .drop_nulls("customer_id")
        .unique()
    )
    return schemas.CUSTOMER.conform(
        pl.concat(
            [
                known,
                referred.join(known, on="customer_id", how="anti").with_columns(
                    deleted=pl.lit(value=True)
                ),
            ],
            how="diagonal",
        )
    )


def products(raw: pl.LazyFrame) -> pl.LazyFrame:
    """One row per Stripe product (PRODUCT)."""
    rows = p.latest(p.stream(raw, "product"), "id")
    metadata = pl.col("payload").str.json_path_match("$.metadata")
    return schemas.PRODUCT.conform(
        p.decoded(rows.with_columns(metadata=metadata), p.PRODUCT).select(
            product_id="id", name=p.field("name"), metadata="metadata"
        )
    )


def _fraction(amount: pl.Expr) -> pl.Expr:
    """The significant decimals of a decimal string: `12.50` -> `5`, `12` -> empty."""
    return amount.str.extract(r"\.(\d*?)0*$").fill_null("")


def _scaled(amount: pl.Expr, scale: pl.Expr) -> pl.Expr:
    """A decimal string as a whole number of 10^-scale; null stays null."""
    whole = amount.str.extract(r"^(-?\d+)").cast(pl.Int64)
    fraction = _fraction(amount)
    digits = fraction.str.len_chars().cast(pl.Int64)
    ten = pl.lit(10, dtype=pl.Int64)
    part = pl.when(digits > 0).then(fraction).otherwise(pl.lit("0")).cast(pl.Int64)
    return whole * ten.pow(scale) + part * ten.pow(scale - digits)


def _option_currencies(rows: pl.LazyFrame) -> list[str]:
    """The currencies that `currency_options` of any record name; JSON keys are data, a Polars type needs them."""
    found = rows.select(
        pl.col("payload").str.extract_all(r'"[a-z]{3}":\{').explode(empty_as_null=False)
    ).collect()
    return sorted(found.to_series().drop_nulls().str.slice(1, 3).unique().to_list())


def prices(raw: pl.LazyFrame) -> pl.LazyFrame:
    """One row per recurring price and currency it can be charged in (PRICE).

    `unit` and tiers are whole numbers of 10^-scale minor units, so fractional cents stay exact.
    """
    rows = p.latest(p.stream(raw, "price"), "id").collect()
    currencies = _option_currencies(rows.lazy())
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
    both = pl.concat([own, *other]).with_columns(key=pl.struct("id", "charge_currency").hash())
    tier = (
        both.select("id", "charge_currency", "steps")
        .explode("steps", empty_as_null=False, keep_nulls=False)
        .with_columns(pl.col("steps").struct.unnest())
    )
    decimals = (
        pl.concat(
            [
                both.select(
                    "id", "charge_currency", digits=_fraction(pl.col("amount")).str.len_chars()
                ),
                tier.select(
                    "id",
                    "charge_currency",
                    digits=_fraction(pl.col("unit_amount_decimal")).str.len_chars(),
                ),
                tier.select(
                    "id",
                    "charge_currency",
                    digits=_fraction(pl.col("flat_amount_decimal")).str.len_chars(),
                ),
            ]
        )
        .group_by("id", "charge_currency")
        .agg(scale=pl.col("digits").max().cast(pl.Int64))
    )
    tiers = (
        tier.join(decimals, on=["id", "charge_currency"])
        .with_columns(bound=pl.col("up_to").fill_null(2**62))
        .sort("id", "charge_currency", "bound")
        .group_by("id", "charge_currency", maintain_order=True)
        .agg(
            tiers=pl.struct(
                up_to="up_to",
                unit=_scaled(pl.col("unit_amount_decimal"), pl.col("scale")).fill_null(0),
                flat=_scaled(pl.col("flat_amount_decimal"), pl.col("scale")).fill_null(0),
            )
        )
    )
    return schemas.PRICE.conform(
        both.join(decimals, on=["id", "charge_currency"], how="left")
        .join(tiers, on=["id", "charge_currency"], how="left")
        .select(
            price_id="id",
            currency="charge_currency",
            product_id=p.field("product"),
            lookup_key=p.field("lookup_key"),
            billing_scheme=p.field("billing_scheme"),
            tiers_mode=p.field("tiers_mode"),
            usage_type=p.field("recurring", "usage_type").fill_null("licensed"),
            interval=p.field("recurring", "interval"),
            interval_count=p.field("recurring", "interval_count").fill_null(1),
            scale=pl.col("scale").fill_null(0),
            unit=_scaled(pl.col("amount"), pl.col("scale")),
            divide_by=p.field("transform_quantity", "divide_by"),
            round=p.field("transform_quantity", "round"),
            tiers="tiers",
        )
    )


def _event_objects(raw: pl.LazyFrame, prefix: str, dtype: pl.Struct) -> pl.LazyFrame:
    """The objects that events of a type carry, with the columns of a listing."""
    wrapped = pl.Struct({"type": pl.String, "data": pl.Struct({"object": dtype})})
    events = p.stream(raw, "event").filter(
        pl.col("payload").str.contains(f'"type":"{prefix}', literal=True)
    )
    return (
        p.decoded(events, wrapped)
        .filter(p.field("type").str.starts_with(prefix))
        .with_columns(o=p.field("data", "object"), event_type=p.field("type"))
        .with_columns(id=p.field("id"))
    )


def coupons(raw: pl.LazyFrame) -> pl.LazyFrame:
    """One row per coupon and currency it takes off (COUPON); deleted coupons stay known.

    A percentage has one row with the empty currency; an amount one for its own and each optional currency.
    """
    currencies = _option_currencies(p.stream(raw, "coupon"))
    option = pl.Struct({"amount_off": pl.Int64})
    options = pl.Struct(dict.fromkeys(currencies or ["usd"], option))
    dtype = pl.Struct({**p.COUPON_FIELDS, "currency_options": options})
    listed = p.decoded(p.stream(raw, "coupon"), dtype)
    rows = pl.concat(
        [_event_objects(raw, "coupon.", dtype).select(listed.collect_schema().names()), listed]
    )
    full = p.field("applies_to").is_not_null() | p.field("currency_options").is_not_null()
    newest = rows.sort(full, "observed_at", "hash").group_by("id").last()
    amount = p.field("amount_off")
    own = newest.with_columns(
        charge_currency=pl.when(amount.is_null()).then(pl.lit("")).otherwise(p.field("currency")),
        amount=amount,
    )
    other = [
        newest.with_columns(
            charge_currency=pl.lit(currency),
            amount=p.field("currency_options", currency, "amount_off"),
        ).filter((p.field("currency") != currency) & pl.col("amount").is_not_null())
        for currency in currencies
    ]
    return schemas.COUPON.conform(
        pl.concat([own, *other]).select(
            coupon_id="id",
            currency="charge_currency",
            percent_ppm=(p.field("percent_off") * COUPON_PPM).round().cast(pl.Int64),
            amount_off="amount",
            duration=p.field("duration"),
            duration_in_months=p.field("duration_in_months"),
            applies_to=p.field("applies_to", "products"),
        )
    )


def discounts(raw: pl.LazyFrame) -> pl.LazyFrame:
    """One row per discount ever seen on a subscription, an invoice or in an event (DISCOUNT)."""
    listed = p.decoded(p.stream(raw, "discount"), p.DISCOUNT)
    events = _event_objects(raw, "customer.discount.", p.DISCOUNT)
    rows = pl.concat([events.select(listed.collect_schema().names()), listed])
    newest = rows.sort("observed_at", "created", "hash", nulls_last=False).group_by("id").last()
    gone = (
        events.filter(pl.col("event_type") == "customer.discount.deleted")
        .group_by("id")
        .agg(gone_at=pl.col("created").min())
    )
    return schemas.DISCOUNT.conform(
        newest.join(gone, on="id", how="left").select(
            discount_id="id",
            coupon_id=pl.coalesce(p.field("source", "coupon"), p.field("coupon", "id")),
            customer_id=p.field("customer"),
            subscription_id=p.field("subscription"),
            subscription_item_id=p.field("subscription_item"),
            start=p.instant(p.field("start")),
            end=pl.min_horizontal(p.instant(p.field("end")), "gone_at"),
        )
    )
