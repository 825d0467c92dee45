"""Which member of a dimension an account or an item belongs to, at the opening and at the closing end.

Belongs here: dimensions as expressions. Source of the rules: docs/method.md, "Account dimensions" and "Item
dimensions". Does not belong here: amounts (`contributions`).
"""

from collections.abc import Mapping, Sequence
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
TOTAL = "all"
"""The only member of the dimension `total`."""
LONGEST = 200
"""Characters of a member: it stands in keys of the warehouse, and PostgreSQL's index holds no long ones."""

End = Literal["opening", "closing"]
ENDS: tuple[End, End] = ("opening", "closing")
Members = Mapping[str, pl.Series]
"""Field of accounts -> its members (the place is a member's number), or the numbers of accounts' members."""


@dataclass(frozen=True, slots=True)
class AccountDimension:
    """A dimension of accounts: the members of its fields, crossed where there are two; the total has none.

    Attributes:
        name: what it is called.
        fields: columns of ACCOUNT, and `segment` also where it follows from an amount (`segments`).
    """

    name: str
    fields: tuple[str, ...] = ()

    def at(self, end: End) -> pl.Expr:
        """The member at one end, over `opening_<field>` or `closing_<field>` (`named`)."""
        return self._crossed([pl.col(f"{end}_{field}").fill_null(UNKNOWN) for field in self.fields])

    def number(self, members: Members) -> pl.Expr:
        """The number of the member, over the numbers of the fields' members."""
        found = pl.lit(0, dtype=pl.Int64)
        for field in self.fields:
            found = found * members[field].len() + pl.col(field)
        return found

    def of_number(self, number: pl.Expr, members: Members) -> pl.Expr:
        """The member that has the number."""
        parts = []
        for field in reversed(self.fields):
            parts.append(pl.lit(members[field]).gather(number % members[field].len()))
            number = number // members[field].len()
        return self._crossed(parts[::-1])

    def _crossed(self, parts: Sequence[pl.Expr]) -> pl.Expr:
        if not parts:
            return pl.lit(TOTAL)
        return parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=" + ")


@dataclass(frozen=True, slots=True)
class ItemDimension:
    """A dimension of items: the column of the snapshot that holds the member."""

    name: str
    column: str

    def at(self, end: End) -> pl.Expr:
        """The member of an item movement at one end; `unknown` where the item has none."""
        return _named(pl.col(f"{end}_{self.column}"))

    @property
    def of_item(self) -> pl.Expr:
        """The member of an item of the snapshot."""
        return _named(pl.col(self.column))


def account_dimensions(configured: Dimensions) -> list[AccountDimension]:
    """The total, then the configured account dimensions, then the crossed ones."""
    columns = {"cohort": COHORT}
    crossed = [(name,) for name in configured.account] + list(configured.crossed)
    return [
        AccountDimension("total"),
        *(
            AccountDimension("+".join(names), tuple(columns.get(name, name) for name in names))
            for names in crossed
        ),
    ]


def item_dimensions(configured: Dimensions) -> list[ItemDimension]:
    """The configured item dimensions."""
    return [ItemDimension(name, ITEM_MEMBERS[name]) for name in configured.item]


def bands(configured: Dimensions) -> tuple[SegmentBand, ...]:
    """The segments that follow from an account's MRR; none where its CRM says which it is in."""
    return configured.segment.bands if configured.segment.source == "acv" else ()


def band(monthly: pl.Expr, bands: Sequence[SegmentBand]) -> pl.Expr:
    """The number of the band of an account with so much MRR (micro-units): 12 x MRR, to cents, `below` exclusive."""
    cents = round_half_even(
        monthly.cast(pl.Int128) * 12, pl.lit(MICRO // 100, dtype=pl.Int128)
    ).cast(pl.Int64)
    found = pl.lit(len(bands) - 1, dtype=pl.Int64)
    for number, each in reversed(list(enumerate(bands))):
        if each.below is not None:
            found = pl.when(cents < int(each.below * 100)).then(number).otherwise(found)
    return found


def segments(configured: Dimensions) -> dict[str, pl.Expr]:
    """Column -> the segment at each end, over movements, where it follows from their amounts."""
    found = bands(configured)
    if not found:
        return {}
    names = pl.Series([each.name for each in found])
    ends = {"opening": pl.col("opening_mrr") + pl.col("fx_mrr"), "closing": pl.col("closing_mrr")}
    return {
        f"{end}_segment": pl.lit(names).gather(band(monthly, found))
        for end, monthly in ends.items()
    }


def fields_of(configured: Dimensions) -> list[str]:
    """The columns of ACCOUNT that the account dimensions rest on."""
    fields = {field for each in account_dimensions(configured) for field in each.fields}
    return sorted(fields - {"segment"} if bands(configured) else fields)


def named(versions: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """`versions` with the members of accounts instead of what `fields` say; `unknown` where that is nothing."""
    return versions.with_columns(
        _named(pl.col(field).dt.strftime("%Y-%m") if field == COHORT else pl.col(field))
        for field in fields
    )


def numbered(versions: pl.DataFrame, fields: Sequence[str]) -> tuple[Members, Members]:
    """The numbers of the members of versions (`named`), with one more for an account nobody knows, and the members."""
    members: dict[str, pl.Series] = {}
    numbers: dict[str, pl.Series] = {}
    for field in fields:
        told = pl.concat([versions.get_column(field), pl.Series(field, [UNKNOWN])])
        members[field] = told.unique().sort()
        numbers[field] = told.cast(pl.Enum(members[field])).to_physical().cast(pl.Int64)
    return numbers, members


def _named(value: pl.Expr) -> pl.Expr:
    return value.str.head(LONGEST).fill_null(UNKNOWN)
