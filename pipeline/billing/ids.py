"""Ids as numbers while folding.

Belongs here: giving the ids that the fold sorts, groups and joins by an Enum type. An Enum sorts as its texts do and
compares as numbers, so the fold reads the same and runs faster; its result is text again (`Table.conform`).
"""

from dataclasses import replace

import polars as pl

from pipeline.billing.decoding import Evidence

NESTED = {"id": "items", "line_item": "lines", "subscription_id": "lines"}
"""Fields of list columns that name an item or a subscription."""
NAMED = ("subscription_id", "subscription_item_id")
"""Columns that name an item or a subscription; one type, since either may stand for the other."""


def numbered(
    evidence: Evidence, coverage: pl.LazyFrame, refs: pl.LazyFrame
) -> tuple[Evidence, pl.LazyFrame, pl.LazyFrame]:
    """The evidence, the coverage and the discounts (DISCOUNT) with the ids of the evidence as numbers.

    An account of the coverage or a customer of a discount that the evidence does not name becomes null.
    """
    frames = {
        name: getattr(evidence, name).collect().rechunk()
        for name in ("subscription", "invoice", "invoice_item")
    }
    accounts = _enum([frame.get_column("source_account") for frame in frames.values()])
    customers = _enum([frame.get_column("customer_id") for frame in frames.values()])
    ids = _enum(
        [
            *(
                frame.get_column(name)
                for frame in frames.values()
                for name in NAMED
                if name in frame.columns
            ),
            *(
                frame.get_column(column)
                .list.eval(pl.element().struct.field(name))
                .explode(empty_as_null=False)
                for frame in frames.values()
                for name, column in NESTED.items()
                if column in frame.columns
            ),
        ]
    )
    types = {"source_account": accounts, "customer_id": customers, **dict.fromkeys(NAMED, ids)}
    made = {
        name: frame.lazy().with_columns(
            pl.col(column).cast(types.get(column) or _nested(dtype, ids))
            for column, dtype in frame.schema.items()
            if column in types or column in NESTED.values()
        )
        for name, frame in frames.items()
    }
    return (
        replace(evidence, **made),
        coverage.with_columns(pl.col("source_account").cast(accounts, strict=False)).drop_nulls(
            "source_account"
        ),
        refs.with_columns(pl.col("customer_id").cast(customers, strict=False)),
    )


def _enum(ids: list[pl.Series]) -> pl.Enum:
    named = pl.concat([each.rename("id").unique() for each in ids])
    return pl.Enum(named.drop_nulls().unique().sort())


def _nested(dtype: pl.DataType, ids: pl.Enum) -> pl.DataType:
    """The type of a list of structs, with `ids` for the fields of `NESTED`."""
    if not isinstance(dtype, pl.List) or not isinstance(dtype.inner, pl.Struct):
        raise TypeError(dtype)
    return pl.List(
        pl.Struct(
            {each.name: ids if each.name in NESTED else each.dtype for each in dtype.inner.fields}
        )
    )
