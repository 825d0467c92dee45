"""What a price charges for a quantity: per unit, by packs, by tiers.

Belongs here: exact charges of licensed items, before discounts. Their value a month is in `pipeline.mrr`.
Source of the rules: docs/method.md, "Value of an item".
"""

import polars as pl

WIDE = pl.Int128

PAIR = ["price_id", "currency"]
"""What has versions."""
PRICED_BY = [*PAIR, "price_version"]
"""What names one row of PRICE."""


def charges(prices: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Charge per billing interval of each distinct PRICED_BY and quantity, in 10^-scale minor units (Int128).

    Args:
        prices: PRICE.
        rows: PRICED_BY and quantity; a null quantity counts as one.

    Returns:
        PRICED_BY, quantity, scale, charge; a charge is null where a tier's amount is.
    """
    key = [*PRICED_BY, "quantity"]
    wanted = rows.select(key).unique().join(prices, on=PRICED_BY)
    quantity = pl.col("quantity").fill_null(1)
    packs = (
        pl.when(pl.col("divide_by").is_null())
        .then(quantity)
        .when(pl.col("round") == "up")
        .then(-((-quantity) // pl.col("divide_by")))
        .otherwise(quantity // pl.col("divide_by"))
    )
    flat = wanted.filter(pl.col("billing_scheme") != "tiered").select(
        *key, "scale", charge=packs.cast(WIDE) * pl.col("unit").cast(WIDE)
    )
    tier = pl.col("tiers").struct
    upper = pl.coalesce(tier.field("up_to"), pl.lit(2**62))
    steps = (
        wanted.filter(pl.col("billing_scheme") == "tiered")
        .with_columns(quantity_=quantity)
        .explode("tiers", empty_as_null=False, keep_nulls=False)
        .with_columns(upper=upper, unit_=tier.field("unit"), flat_=tier.field("flat"))
        .sort(*key, "upper", nulls_last=False)
        .with_columns(lower=pl.col("upper").shift(1).over(key).fill_null(0))
        .with_columns(
            graduated=(pl.min_horizontal("quantity_", "upper") - pl.col("lower")).clip(
                lower_bound=0
            ),
            reached=(pl.col("quantity_") > pl.col("lower")) | (pl.col("lower") == 0),
            chosen=((pl.col("quantity_") > pl.col("lower")) | (pl.col("lower") == 0))
            & (pl.col("quantity_") <= pl.col("upper")),
        )
    )
    volume = pl.col("tiers_mode") == "volume"
    used = (
        pl.when(volume)
        .then(pl.col("quantity_") * pl.col("chosen").cast(pl.Int64))
        .otherwise("graduated")
    )
    fee = pl.when(volume).then("chosen").otherwise("reached").cast(pl.Int64)
    charge = used.cast(WIDE) * pl.col("unit_").cast(WIDE) + fee.cast(WIDE) * pl.col("flat_").cast(
        WIDE
    )
    tiered = steps.group_by(key).agg(
        pl.col("scale").first(), charge=pl.when(charge.is_null().any().not_()).then(charge.sum())
    )
    return pl.concat([flat, tiered.select(flat.collect_schema().names())])
