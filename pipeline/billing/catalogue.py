"""Decoding of what subscriptions refer to: customers, products, prices, coupons, discounts.

Belongs here: one frame a kind of object, a row for each record of it (`pipeline.schemas.observed`), money still in
minor units. A price has one row for each currency it can be charged in, so that a subscription in another currency
finds its currency option.
"""

import polars as pl

from pipeline.billing import payload as p

COUPON_PPM = 10_000
"""A percent_off of 1 is 10,000 millionths."""
FLOAT_ERROR = 1e-6
"""A percentage arrives as a float: what differs from a whole millionth by less is one."""
SEEN = ("observed_at", "hash")


def customers(raw: pl.LazyFrame) -> pl.LazyFrame:
    """OBSERVED_CUSTOMER."""
    rows = p.stream(raw, "customer").with_columns(metadata=_metadata())
    return p.decoded(rows, p.CUSTOMER).select(
        *SEEN,
        "source_account",
        "metadata",
        customer_id="id",
        name=p.field("name"),
        email=p.field("email"),
        country=p.field("address", "country").str.to_uppercase(),
        currency=p.field("currency"),
        created=p.instant(p.field("created")),
        deleted=p.field("deleted").fill_null(value=False),
        discount_id=p.field("discount"),
    )


def products(raw: pl.LazyFrame) -> pl.LazyFrame:
    """OBSERVED_PRODUCT."""
    rows = p.stream(raw, "product").with_columns(metadata=_metadata())
    return p.decoded(rows, p.PRODUCT).select(
        *SEEN, "metadata", product_id="id", name=p.field("name")
    )


def _metadata() -> pl.Expr:
    return pl.col("payload").str.json_path_match("$.metadata")


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


def _option_currencies(rows: pl.LazyFrame) -> list[str]:
    """The currencies that `currency_options` of any record name; JSON keys are data, a Polars type needs them."""
    found = rows.select(
        pl.col("payload").str.extract_all(r'"[a-z]{3}":\{').explode(empty_as_null=False)
    ).collect()
    return sorted(found.to_series().drop_nulls().str.slice(1, 3).unique().to_list())


def prices(raw: pl.LazyFrame) -> pl.LazyFrame:
    """OBSERVED_PRICE: recurring prices only.

    `unit` and tiers are whole numbers of 10^-scale minor units, so fractional cents stay exact.
    """
    rows = p.stream(raw, "price").with_row_index("record").collect()
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
    key = ["record", "charge_currency"]
    both = pl.concat([own, *other])
    tier = (
        both.select(*key, "steps")
        .explode("steps", empty_as_null=False, keep_nulls=False)
        .with_columns(pl.col("steps").struct.unnest())
    )
    decimals = (
        pl.concat(
            [
                rows.select(*key, digits=_fraction(pl.col(amount)).str.len_chars())
                for rows, amount in (
                    (both, "amount"),
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
        both.join(decimals, on=key, how="left")
        .join(tiers, on=key, how="left")
        .select(
            *SEEN,
            "tiers",
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
        )
    )


def coupons(raw: pl.LazyFrame) -> pl.LazyFrame:
    """OBSERVED_COUPON, from listings and events.

    A percentage has one row with the empty currency; an amount one for its own and each optional currency.
    """
    currencies = _option_currencies(p.stream(raw, "coupon"))
    option = pl.Struct({"amount_off": pl.Int64})
    options = pl.Struct(dict.fromkeys(currencies or ["usd"], option))
    coupon = _said(
        raw, "coupon", "coupon.", pl.Struct({**p.COUPON_FIELDS, "currency_options": options})
    )
    amount = p.field("amount_off")
    own = coupon.with_columns(
        charge_currency=pl.when(amount.is_null()).then(pl.lit("")).otherwise(p.field("currency")),
        amount=amount,
    )
    other = [
        coupon.with_columns(
            charge_currency=pl.lit(currency),
            amount=p.field("currency_options", currency, "amount_off"),
        ).filter((p.field("currency") != currency) & pl.col("amount").is_not_null())
        for currency in currencies
    ]
    millionths = p.field("percent_off") * COUPON_PPM
    return pl.concat([own, *other]).select(
        *SEEN,
        coupon_id="id",
        currency="charge_currency",
        percent_ppm=millionths.round().cast(pl.Int64),
        rounded=((millionths - millionths.round()).abs() > FLOAT_ERROR).fill_null(value=False),
        amount_off="amount",
        duration=p.field("duration"),
        duration_in_months=p.field("duration_in_months"),
        applies_to=p.field("applies_to", "products"),
        # Neither events nor objects inside others say what a coupon is limited to.
        full=pl.col("event_type").is_null() & p.field("embedded").is_null(),
    )


def discounts(raw: pl.LazyFrame) -> pl.LazyFrame:
    """OBSERVED_DISCOUNT, from objects inside others and from events.

    An event that switches a customer's discount says of the old one that it is gone.
    """
    deleted = pl.col("event_type") == "customer.discount.deleted"
    said = _said(raw, "discount", "customer.discount.", p.DISCOUNT).with_columns(
        gone_at=pl.when(deleted).then("created")
    )
    switched = (
        said.filter(pl.col("event_type") == "customer.discount.updated")
        .filter(pl.col("before").struct.field("id") != p.field("id"))
        .with_columns(
            o=pl.struct(
                pl.coalesce(pl.col("before").struct.field(name), p.field(name)).alias(name)
                for name in p.DISCOUNT.to_schema()
                if name != "end"
            ),
            gone_at="created",
        )
        .with_columns(id=p.field("id"))
    )
    fields = {
        "discount_id": pl.col("id"),
        "coupon_id": pl.coalesce(p.field("source", "coupon"), p.field("coupon", "id")),
        "customer_id": p.field("customer"),
        "subscription_id": p.field("subscription"),
        "subscription_item_id": p.field("subscription_item"),
        "one_off": p.field("invoice").is_not_null() | p.field("invoice_item").is_not_null(),
        "start": p.instant(p.field("start")),
    }
    return pl.concat(
        [
            said.select(
                *SEEN, "gone_at", **fields, end=p.instant(p.field("end")), said_at="created"
            ),
            switched.select(*SEEN, "gone_at", **fields, said_at="created"),
        ],
        how="diagonal",
    )


def _said(raw: pl.LazyFrame, stream: str, prefix: str, dtype: pl.Struct) -> pl.LazyFrame:
    """An object in `o` as each record of its stream and each event of its type says it is; `before`: what it was."""
    data = pl.Struct({"object": dtype, "previous_attributes": dtype})
    wrapped = pl.Struct({"type": pl.String, "data": data})
    columns = [*SEEN, "id", "created", "event_type", "before", "o"]
    listed = p.decoded(p.stream(raw, stream), dtype).with_columns(
        event_type=pl.lit(None, dtype=pl.String), before=pl.lit(None, dtype=dtype)
    )
    events = (
        p.events(raw, prefix, wrapped)
        .with_columns(
            event_type=p.field("type"),
            before=p.field("data", "previous_attributes"),
            o=p.field("data", "object"),
        )
        .with_columns(id=p.field("id"))
    )
    return pl.concat([listed.select(columns), events.select(columns)])
