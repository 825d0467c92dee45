"""What Stripe's records refer to, and whether the lists inside them are whole: the proof that nothing is missing.

Belongs here: references by JSON shape, frames in and frames out. Pure. Source of the rules: docs/sync.md, "Complete".
"""

from collections.abc import Mapping

import polars as pl

S, N = pl.String, pl.Int64
_HELD = pl.List(pl.Struct({"price": pl.Struct({"id": S}), "discounts": pl.List(S)}))
_LINE = pl.Struct(
    {
        "amount": N,
        "discounts": pl.List(S),
        "pricing": pl.Struct({"price_details": pl.Struct({"price": S})}),
    }
)
_MORE = {"has_more": pl.Boolean}
_OWNER = pl.Struct({"subscription": S})
_PRICING = pl.Struct({"price_details": pl.Struct({"price": S})})

SHAPES: Mapping[str, pl.Struct] = {
    "subscription": pl.Struct(
        {
            "customer": S,
            "latest_invoice": S,
            "discounts": pl.List(S),
            "items": pl.Struct({"data": _HELD, **_MORE}),
        }
    ),
    "invoice": pl.Struct(
        {
            "customer": S,
            "subtotal": N,
            "discounts": pl.List(S),
            "parent": pl.Struct({"subscription_details": _OWNER}),
            "lines": pl.Struct({"data": pl.List(_LINE), **_MORE}),
        }
    ),
    "invoiceitem": pl.Struct({"customer": S, "pricing": _PRICING, "discounts": pl.List(S)}),
    "credit_note": pl.Struct({"customer": S, "invoice": S}),
    "discount": pl.Struct({"source": pl.Struct({"coupon": S}), "coupon": pl.Struct({"id": S})}),
}
"""Stream -> the fields that refer to other objects."""


def _at(*path: str) -> pl.Expr:
    found = pl.col("o")
    for name in path:
        found = found.struct.field(name)
    return found


def _each(listing: pl.Expr, *path: str) -> pl.Expr:
    found = pl.element()
    for name in path:
        found = found.struct.field(name)
    return listing.list.eval(found)


def _one(value: pl.Expr) -> pl.Expr:
    """A list of the value."""
    return pl.concat_list(value)


_ITEMS, _LINES = _at("items", "data"), _at("lines", "data")
REFERENCES: Mapping[str, Mapping[str, list[pl.Expr]]] = {
    "subscription": {
        "customer": [_one(_at("customer"))],
        "invoice": [_one(_at("latest_invoice"))],
        "price": [_each(_ITEMS, "price", "id")],
        "discount": [
            _at("discounts"),
            _each(_ITEMS, "discounts").list.eval(
                pl.element().explode(empty_as_null=False, keep_nulls=False)
            ),
        ],
    },
    "invoice": {
        "customer": [_one(_at("customer"))],
        "subscription": [_one(_at("parent", "subscription_details", "subscription"))],
        "price": [_each(_LINES, "pricing", "price_details", "price")],
    },
    "invoiceitem": {
        "customer": [_one(_at("customer"))],
        "price": [_one(_at("pricing", "price_details", "price"))],
    },
    "credit_note": {"customer": [_one(_at("customer"))], "invoice": [_one(_at("invoice"))]},
    "discount": {"coupon": [_one(pl.coalesce(_at("source", "coupon"), _at("coupon", "id")))]},
}
"""Stream -> what it refers to -> where the ids stand."""


def references(raw: pl.LazyFrame) -> pl.DataFrame:
    """What records refer to.

    Args:
        raw: RAW_RECORD rows of any streams.

    Returns:
        One row per object that is referred to: source_account, stream and id of it, referrer (one of those that do).
    """
    found = [
        _decoded(raw, stream).select(
            "source_account",
            stream=pl.lit(to),
            id=ids,
            referrer=pl.col("id"),
        )
        for stream, wanted in REFERENCES.items()
        for to, exprs in wanted.items()
        for ids in exprs
    ]
    return (
        pl.concat(found)
        .explode("id", empty_as_null=False, keep_nulls=False)
        .drop_nulls("id")
        .group_by("source_account", "stream", "id")
        .agg(pl.col("referrer").min())
        .sort("source_account", "stream", "id")
        .collect()
    )


def missing(found: pl.DataFrame, stored: pl.LazyFrame) -> pl.DataFrame:
    """The rows of `references` of which the store has no record.

    Args:
        found: `references`.
        stored: RAW_RECORD rows, everything that is stored.
    """
    known = stored.select("source_account", "stream", "id").filter(
        pl.col("stream").is_in(found.get_column("stream").unique().implode())
    )
    return (
        found.lazy()
        .join(known, on=["source_account", "stream", "id"], how="anti", maintain_order="left")
        .collect()
    )


def cut(raw: pl.LazyFrame) -> pl.DataFrame:
    """Records whose inner list is not whole: it goes on, or its amounts do not add up to the invoice's.

    Returns:
        source_account, stream, id, of RAW_RECORD rows of subscriptions and invoices.
    """
    total = _each(_LINES, "amount").list.sum()
    # Whether discounts are in the amounts of lines is not settled: such invoices are not added up.
    reduced = (_at("discounts").list.len() > 0) | (
        _each(_LINES, "discounts").list.eval(pl.element().list.len() > 0).list.any()
    )
    goes_on = {
        "subscription": _at("items", "has_more").fill_null(value=False),
        "invoice": _at("lines", "has_more").fill_null(value=False)
        | ((total != _at("subtotal")) & reduced.fill_null(value=False).not_()).fill_null(
            value=False
        ),
    }
    return pl.concat(
        [
            _decoded(raw, stream).filter(broken).select("source_account", "stream", "id")
            for stream, broken in goes_on.items()
        ]
    ).collect()


def _decoded(raw: pl.LazyFrame, stream: str) -> pl.LazyFrame:
    rows = raw.filter(pl.col("source") == "stripe", pl.col("stream") == stream)
    return rows.with_columns(o=pl.col("payload").str.json_decode(SHAPES[stream]))
