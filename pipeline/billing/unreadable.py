"""Records that cannot be decoded: they are set aside and named, and what they belong to is not sure.

Belongs here: finding them, whom they concern, and the grade of what they concern. Their text says nothing of what a
record holds. Source of the rule: docs/method.md, "How sure we are".
"""

from collections.abc import Callable, Iterator

import polars as pl

from pipeline import schemas
from pipeline.billing.evidence import worst

Decode = Callable[[pl.LazyFrame], object]
SURE = ("exact", "invoiced")
WHOLE = (
    "amount", "amount_off", "billing_cycle_anchor", "cancel_at", "canceled_at", "created", "current_period_end",
    "current_period_start", "date", "divide_by", "duration_in_months", "end", "end_date", "ended_at",
    "interval_count", "quantity", "start", "start_date", "subtotal", "trial_end", "trial_start",
)  # fmt: skip
"""Fields that hold whole numbers, wherever they stand."""
TEXT = (
    "billing_reason", "billing_scheme", "currency", "customer", "duration", "id", "interval", "invoice_item",
    "round", "status", "subscription", "subscription_item", "tax_behavior", "tiers_mode", "unit_amount_decimal",
    "flat_amount_decimal", "usage_type",
)  # fmt: skip
"""Fields that hold texts, or objects."""
ONLY_TEXT = (
    "billing_reason", "billing_scheme", "currency", "flat_amount_decimal", "id", "interval", "round", "status",
    "tax_behavior", "tiers_mode", "unit_amount_decimal", "usage_type",
)  # fmt: skip
"""Those that hold no objects."""
DIGITS = 14
"""So many digits has no amount in minor units, no quantity and no instant; products of larger ones leave 64 bits."""
ODD = (
    rf'"(?:{"|".join(WHOLE)})":(?:true|false|-?\d+[.eE]|-?\d{{{DIGITS},}})'
    rf'|"up_to":(?:true|false|-?\d+[.eE]|-?\d{{19,}})'
    rf'|"(?:{"|".join(TEXT)})":(?:true|false|-?\d)'
    rf'|"(?:{"|".join(ONLY_TEXT)})":[\[{{]'
    r'|"(?:percent_off|percentage)":(?:true|false)'
    r'|(?:\[|[}\]"0-9],)null[,\]]'
    r'|"(?:flat|unit)_amount":-?\d+(?:[^,\d]|,"(?:(?:flat|unit)_amount_decimal":[^"]|unit_amount"|up_to|[^fu]))'
    r'|"flat_amount":null,"(?:unit_amount"|up_to)|"unit_amount":null(?:[^,]|,"(?:up_to|[^u]))'
)
"""What Polars reads as a number or a text and is none, in compact JSON: metadata holds texts only. And a null in a
list: Stripe's lists have none, and what stood there would seem never to have been. And an amount that its text does not
follow: it would seem to be nothing."""
TERMS = r'"recurring":\{[^{}]*"usage_type":"(?:licensed|metered)"'
"""How a price recurs."""
LAST, TYPED = 100, r'"type":"[^"]+"\}$'
"""An event's type is the last of its fields, which are in the order of their names."""
ODD_FORM = "a field of another type than Stripe describes, or of an impossible size"
TOO_LITTLE = "a field that figures rest on is missing, or has a word that Stripe does not describe"
KEYS = ("customer_id", "subscription_id", "price_id", "coupon_id")
"""What an unreadable record may concern."""


def set_aside(raw: pl.LazyFrame, decode: Decode) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """(the RAW_RECORD rows that can be decoded, OBSERVED_UNREADABLE of the others).

    Args:
        raw: RAW_RECORD rows.
        decode: raises a Polars error where a row cannot be decoded; it decodes row by row.
    """
    rows = raw.collect().with_row_index("row")
    odd = rows.filter(odd_type()).get_column("row").to_list()
    left = rows.filter(odd_type().not_())
    # The streaming engine may hang after an error in one of its threads.
    with pl.Config(engine_affinity="in-memory"):
        bad = [part.get_column("row")[0] for part in _unreadable(left, decode)]
    apart = pl.col("row").is_in([*odd, *bad])
    return rows.filter(apart.not_()).drop("row").lazy(), named(rows.filter(apart).lazy(), ODD_FORM)


def odd_type() -> pl.Expr:
    """Whether a RAW_RECORD row has a number or a text of another type, which Polars would turn into one silently.

    So has a recurring price that does not say how it recurs: it would be taken for one that does not. And an event that
    does not say what happened: it would be taken for one of no interest.
    """
    text = pl.col("payload").str
    untyped = (pl.col("stream") == "event") & pl.col("payload").str.tail(LAST).str.contains(
        TYPED
    ).not_()
    recurring = (pl.col("stream") == "price") & text.contains('"type":"recurring"', literal=True)
    return text.contains(ODD) | (recurring & text.contains(TERMS).not_()) | untyped


def _unreadable(rows: pl.DataFrame, decode: Decode) -> Iterator[pl.DataFrame]:
    """Each row that cannot be decoded by itself."""
    if rows.is_empty() or _readable(rows, decode):
        return
    if rows.height == 1:
        yield rows
        return
    half = rows.height // 2
    yield from _unreadable(rows[:half], decode)
    yield from _unreadable(rows[half:], decode)


def _readable(rows: pl.DataFrame, decode: Decode) -> bool:
    try:
        decode(rows.drop("row").lazy())
    except pl.exceptions.PolarsError:
        return False
    return True


def named(rows: pl.LazyFrame, reason: str) -> pl.LazyFrame:
    """OBSERVED_UNREADABLE of RAW_RECORD rows: whom they concern, as far as they say so."""
    event = pl.col("stream") == "event"

    def said(name: str) -> pl.Expr:
        inside = pl.col("payload").str.json_path_match(f"$.data.object.{name}")
        return (
            pl.when(event)
            .then(inside)
            .otherwise(pl.col("payload").str.json_path_match(f"$.{name}"))
        )

    def own(*kinds: str) -> pl.Expr:
        own_id = pl.when(event).then(said("id")).otherwise(pl.col("id"))
        return pl.when(kind.is_in(kinds)).then(own_id)

    kind = pl.when(event).then(said("object")).otherwise(pl.col("stream"))
    customer = said("customer")
    named = rows.with_columns(
        record_id="id",
        customer_id=pl.coalesce(
            own("customer"), pl.when(customer.str.starts_with("cus_")).then(customer)
        ),
        subscription_id=own("subscription"),
        price_id=own("price", "plan"),
        coupon_id=own("coupon"),
    )
    harmless = kind.is_in(["product", "promotion_code", "subscription_schedule", "credit_note"])
    return schemas.OBSERVED_UNREADABLE.conform(
        named.with_columns(concerns=harmless.not_(), reason=pl.lit(reason))
    )


def touching(unreadable: pl.LazyFrame) -> pl.Series | None:
    """The customers that unreadable records concern; null where they may concern anybody."""
    rows = unreadable.filter("concerns").select(KEYS).collect()
    if rows.filter(pl.col("customer_id").is_null()).height:
        return None
    return rows.get_column("customer_id").unique()


def uncounted(items: pl.DataFrame, price: pl.LazyFrame) -> pl.DataFrame:
    """ITEM_TIMELINE rows, `bounded` at most where a licensed price has no quantity: it counts as one."""
    licensed = price.filter(pl.col("usage_type") == "licensed").select("price_id").collect()
    without = pl.col("quantity").is_null() & pl.col("price_id").cast(pl.String).is_in(
        licensed.to_series().cast(pl.String).unique().implode()
    )
    if not items.select(without.any()).item():
        return items
    return items.with_columns(
        evidence=worst(pl.col("evidence"), pl.when(without).then(pl.lit("bounded")))
    )


def doubted(rows: pl.DataFrame, unreadable: pl.LazyFrame) -> pl.DataFrame:
    """Rows of ITEM_TIMELINE or USAGE_CHARGE, `bounded` at most where an unreadable record may say otherwise.

    A record that does not say whom it concerns makes everything of its account doubtful.
    """
    found = unreadable.filter("concerns").select(KEYS).collect()
    if found.is_empty():
        return rows
    named = pl.any_horizontal(
        pl.col(key).cast(pl.String).is_in(found.get_column(key).drop_nulls().implode())
        for key in KEYS
        if key in rows.columns
    )
    coupons = found.get_column("coupon_id").drop_nulls().to_list()
    if coupons:
        of = pl.col("discounts").list.eval(pl.element().struct.field("coupon_id").is_in(coupons))
        named |= of.list.any().fill_null(value=False)
    if found.select(pl.all_horizontal(pl.col(KEYS).is_null()).any()).item():
        named = pl.lit(value=True)
    doubtful = named & pl.col("evidence").cast(pl.String).is_in(SURE)
    return rows.with_columns(
        evidence=pl.when(doubtful)
        .then(pl.lit("bounded"))
        .otherwise(pl.col("evidence").cast(pl.String))
    )
