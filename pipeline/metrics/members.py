"""Which member of a dimension an account or an item belongs to, at the opening and at the closing end.

Belongs here: dimensions as expressions. Source of the rules: docs/method.md, "Account dimensions" and "Item
dimensions". Does not belong here: amounts (`contributions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from pipeline.config import Dimensions, SegmentBand
from pipeline.metrics.past import UNKNOWN
from pipeline.money import MICRO, round_half_even

ITEM_MEMBERS = {
    "plan": "plan",
    "product": "product_id",
    "currency": "currency",
    "interval": "billing_interval",
    "pricing_model": "pricing_model",
}
"""Item dimension -> column of the snapshot, with `opening_` and `closing_` before it in item movements."""

COHORT = "first_paid_month"
"""The column of ACCOUNT that a cohort rests on."""
LONGEST = 200
"""Characters of a member: it stands in keys of the warehouse, and PostgreSQL's index holds no long ones."""


@dataclass(frozen=True, slots=True)
class AccountDimension:
    """A dimension of accounts.

    Attributes:
        name: what it is called.
        opening: the member at the opening end, over movements with `opening_<field>` (`named`) for each field.
        closing: the member at the closing end, over `closing_<field>`.
        fields: the columns of ACCOUNT that it rests on.
    """

    name: str
    opening: pl.Expr
    closing: pl.Expr
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemDimension:
    """A dimension of items: the column of the snapshot that holds the member."""

    name: str
    column: str

    def at(self, end: Literal["opening", "closing"]) -> pl.Expr:
        """The member of an item movement at one end; `unknown` where the item has none."""
        return _named(pl.col(f"{end}_{self.column}"))

    @property
    def of_item(self) -> pl.Expr:
        """The member of an item of the snapshot."""
        return _named(pl.col(self.column))


def account_dimensions(configured: Dimensions) -> list[AccountDimension]:
    """The total, then the configured account dimensions, then the crossed ones."""
    total = AccountDimension("total", pl.lit("all"), pl.lit("all"))
    single = {name: _single(name, configured) for name in configured.account}
    crossed = [
        _crossed([single.get(name) or _single(name, configured) for name in names])
        for names in configured.crossed
    ]
    return [total, *single.values(), *crossed]


def item_dimensions(configured: Dimensions) -> list[ItemDimension]:
    """The configured item dimensions."""
    return [ItemDimension(name, ITEM_MEMBERS[name]) for name in configured.item]


def segment_by_acv(monthly: pl.Expr, bands: tuple[SegmentBand, ...]) -> pl.Expr:
    """The segment of an account with so much MRR (micro-units): 12 x MRR, to cents, `below` exclusive."""
    cents = round_half_even(
        monthly.cast(pl.Int128) * 12, pl.lit(MICRO // 100, dtype=pl.Int128)
    ).cast(pl.Int64)
    member = pl.lit(bands[-1].name)
    for band in reversed(bands):
        if band.below is not None:
            member = (
                pl.when(cents < int(band.below * 100)).then(pl.lit(band.name)).otherwise(member)
            )
    return member


def _single(name: str, configured: Dimensions) -> AccountDimension:
    if name == "segment" and configured.segment.source == "acv":
        bands = configured.segment.bands
        opening = pl.col("opening_mrr") + pl.col("fx_mrr")
        return AccountDimension(
            name, segment_by_acv(opening, bands), segment_by_acv(pl.col("closing_mrr"), bands)
        )
    field = COHORT if name == "cohort" else name
    opening, closing = (
        pl.col(f"{end}_{field}").fill_null(UNKNOWN) for end in ("opening", "closing")
    )
    return AccountDimension(name, opening, closing, (field,))


def named(versions: pl.DataFrame, dimensions: Sequence[AccountDimension]) -> pl.DataFrame:
    """`versions` with the members of accounts instead of what their fields say; `unknown` where that is nothing."""
    fields = {field for dimension in dimensions for field in dimension.fields}
    return versions.with_columns(
        _named(pl.col(field).dt.strftime("%Y-%m") if field == COHORT else pl.col(field))
        for field in sorted(fields)
    )


def _named(value: pl.Expr) -> pl.Expr:
    return value.str.head(LONGEST).fill_null(UNKNOWN)


def _crossed(parts: list[AccountDimension]) -> AccountDimension:
    return AccountDimension(
        "+".join(part.name for part in parts),
        pl.concat_str([part.opening for part in parts], separator=" + "),
        pl.concat_str([part.closing for part in parts], separator=" + "),
        tuple(dict.fromkeys(field for part in parts for field in part.fields)),
    )
