"""Several Stripe accounts in one store: ids that people choose become the account's own.

Belongs here: which ids may be the same in two accounts, and where they stand. Coupons, products and plans can be given
ids by hand; everything else has ids that Stripe draws, which are nobody else's.
"""

from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

import polars as pl

if TYPE_CHECKING:
    from pipeline.billing.decoding import Evidence

DRAWN = r"^(price|prod|plan)_[0-9A-Za-z]{14,}$"
"""What Stripe's own ids look like; those of coupons look like anything."""
IDS = ("price_id", "product_id")
E = TypeVar("E", bound="Evidence")


def own(found: E, account: str) -> E:
    """Evidence of one account, in which an id that people chose has the account behind it: `gold@acct_1`.

    Args:
        found: decoded records of this account alone.
        account: the account; empty for the key's own, whose ids stay.
    """
    if not account:
        return found
    return replace(
        found, **{f.name: _owned(getattr(found, f.name), account) for f in fields(found)}
    )


def _owned(rows: pl.LazyFrame, account: str) -> pl.LazyFrame:
    columns = rows.collect_schema().names()
    suffix = pl.lit(f"@{account}")

    def chosen(id_: pl.Expr) -> pl.Expr:
        return pl.when(id_.str.contains(DRAWN)).then(id_).otherwise(id_ + suffix)

    simple = [chosen(pl.col(name)).alias(name) for name in IDS if name in columns]
    if "coupon_id" in columns:
        simple.append(pl.col("coupon_id") + suffix)
    if "applies_to" in columns:
        simple.append(pl.col("applies_to").list.eval(chosen(pl.element())))
    if "coupons" in columns:
        simple.append(pl.col("coupons").list.eval(pl.element() + suffix))
    inside = {"items": ("price_id",), "lines": IDS}
    nested = []
    for name, ids in inside.items():
        if name in columns:
            own_ids = [chosen(pl.field(each)).alias(each) for each in ids]
            if "coupons" in columns:
                own_ids.append(pl.field("coupons").list.eval(pl.element() + suffix))
            nested.append(pl.col(name).list.eval(pl.element().struct.with_fields(own_ids)))
    return rows.with_columns(*simple, *nested)
