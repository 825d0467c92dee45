"""Decoding of what subscriptions refer to: customers, products, coupons, discounts; `pricing` has the prices.

Belongs here: one frame a kind of object, a row for each record of it (`pipeline.schemas.observed`), money still in
minor units.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.billing.decoding import payload as p
from pipeline.names import one_line

COUPON_PPM = 10_000
"""A percent_off of 1 is 10,000 millionths."""
ALL_TOLD_SINCE = "2025-03-31.basil"
"""From this version on a discount surely says what it is on."""
DISCOUNTED = ("subscription", "subscription_item", "invoice", "invoice_item")
"""The keys that tell what a discount is on, null or an id."""
FLOAT_ERROR = 1e-6
"""A percentage arrives as a float: what differs from a whole millionth by less is one."""
SEEN = ("observed_at", "hash")
OF_CUSTOMERS = ("customer.created", "customer.updated", "customer.deleted")
"""Events with a whole customer, and with it the customer's own discount."""


def customers(raw: pl.LazyFrame) -> pl.LazyFrame:
    """OBSERVED_CUSTOMER."""
    rows = p.stream(raw, "customer").with_columns(metadata=_metadata())
    return p.decoded(rows, p.CUSTOMER).select(
        *SEEN,
        "source_account",
        "metadata",
        customer_id="id",
        name=one_line(p.field("name")),
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
        *SEEN, "metadata", product_id="id", name=one_line(p.field("name"))
    )


def _metadata() -> pl.Expr:
    return pl.col("payload").str.json_path_match("$.metadata")


def coupons(raw: pl.LazyFrame, currencies: Sequence[str]) -> pl.LazyFrame:
    """OBSERVED_COUPON, from listings and events.

    A percentage has one row with the empty currency; an amount one for its own and each optional currency.

    Args:
        raw: RAW_RECORD rows.
        currencies: those that a coupon may have options in.
    """
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
        made_at=p.instant(p.field("created")),
    )


def discounts(raw: pl.LazyFrame) -> pl.LazyFrame:
    """OBSERVED_DISCOUNT, from objects inside others and from events.

    An event that switches a customer's discount says of the old one that it is gone. An event of a customer shows the
    discount that the customer has: of one that was deleted before anybody listed it, nothing else does.
    """
    deleted = pl.col("event_type") == "customer.discount.deleted"
    old = (pl.col("stream") == "event") & (pl.col("api_version") < ALL_TOLD_SINCE)
    says = (pl.col("payload").str.contains(f'"{key}":', literal=True) for key in DISCOUNTED)
    told = raw.with_columns(
        says_on_what=pl.all_horizontal(old.fill_null(value=True) | say for say in says)
    )
    said = _said(told, "discount", "customer.discount.", p.DISCOUNT, "says_on_what").with_columns(
        gone_at=pl.when(deleted).then("created")
    )
    customer = pl.Struct({"discount": p.DISCOUNT})
    held = (
        p.events_of(
            told,
            OF_CUSTOMERS,
            pl.Struct({"type": pl.String, "data": pl.Struct({"object": customer})}),
        )
        .with_columns(o=p.field("data", "object", "discount"))
        .with_columns(id=p.field("id"))
        .filter(pl.col("id").is_not_null())
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
        # Without its key an item's discount would read as the whole subscription's.
        "one_off": pl.when("says_on_what").then(
            p.field("invoice").is_not_null() | p.field("invoice_item").is_not_null()
        ),
        "start": p.instant(p.field("start")),
    }
    ends = dict.fromkeys(("end", "announced_end"), p.instant(p.field("end")))
    return pl.concat(
        [
            said.select(
                *SEEN,
                "gone_at",
                **fields,
                **ends,
                said_at="created",
            ),
            switched.select(*SEEN, "gone_at", **fields, said_at="created"),
            held.select(*SEEN, **fields, **ends, said_at="created"),
        ],
        how="diagonal",
    )


def _said(
    raw: pl.LazyFrame, stream: str, prefix: str, dtype: pl.Struct, *more: str
) -> pl.LazyFrame:
    """An object in `o` as each record of its stream and each event of its type says it is; `before`: what it was.

    Also its columns `more`.
    """
    data = pl.Struct({"object": dtype, "previous_attributes": dtype})
    wrapped = pl.Struct({"type": pl.String, "data": data})
    columns = [*SEEN, "id", "created", "event_type", "before", "o", *more]
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
