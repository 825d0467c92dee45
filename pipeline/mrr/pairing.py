"""Which item at the closing end continues which item at the opening end.

Source of the rules: docs/method.md, "Components": largest first, ties by id, in this order: same item; same
subscription and product; same subscription; same product elsewhere; then what ended with what began.
"""

import polars as pl

CASE = ["month", "window_months", "account_id"]
STEPS: tuple[tuple[str, ...], ...] = (
    ("subscription_item_id",),
    ("subscription_id", "product_id"),
    ("subscription_id",),
    ("product_id",),
    (),
)


def _ranked(rows: pl.LazyFrame, group: list[str]) -> pl.LazyFrame:
    """`rows` with their place in the group: largest value first, ties by item id."""
    return rows.sort(
        *group, "value", "subscription_item_id", descending=[False] * len(group) + [True, False]
    ).with_columns(place=pl.int_range(pl.len()).over(group))


def pair(opening: pl.DataFrame, closing: pl.DataFrame) -> pl.DataFrame:
    """Pairs of items.

    Args:
        closing: as `opening`, at the closing end.
        opening: one row per CASE and subscription_item_id, with subscription_id, product_id, value (at the
            month's rates) and `turned`: the opening item no longer exists at the closing end, the closing item did
            not exist at the opening end.

    Returns:
        CASE, opening_item, closing_item; one row per pair, items without a partner once with null on the other side.
    """
    pairs: list[pl.DataFrame] = []
    item = "subscription_item_id"
    for step in STEPS:
        group = [*CASE, *step]
        left = opening if step else opening.filter("turned")
        right = closing if step else closing.filter("turned")
        found = (
            _ranked(left.lazy(), group)
            .select(*group, "place", opening_item=item)
            .join(
                _ranked(right.lazy(), group).select(*group, "place", closing_item=item),
                on=[*group, "place"],
            )
            .select(*CASE, "opening_item", "closing_item")
            .collect()
        )
        pairs.append(found)
        opening = opening.join(
            found, left_on=[*CASE, item], right_on=[*CASE, "opening_item"], how="anti"
        )
        closing = closing.join(
            found, left_on=[*CASE, item], right_on=[*CASE, "closing_item"], how="anti"
        )
    none = pl.lit(None, dtype=pl.String)
    return pl.concat(
        [
            *pairs,
            opening.select(*CASE, opening_item=item, closing_item=none),
            closing.select(*CASE, opening_item=none, closing_item=item),
        ]
    )
