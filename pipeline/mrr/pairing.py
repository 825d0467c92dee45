"""Which item at the closing end continues which item at the opening end.

Source of the rules: docs/method.md, "Components": largest first, ties by id, in this order: same item; same
subscription and product; same subscription; same product elsewhere; then what ended with what began.
"""

from collections.abc import Callable

import polars as pl

CELL = "cell"
"""A month and window, and an account, by one number: the case's times all accounts, and the account's."""
ITEM = "item"
"""An item's number, in the order of ids."""
SHARED = ("subscription", "product")
"""What items may have in common, by number."""
ELSEWHERE: tuple[tuple[str, ...], ...] = (SHARED, ("subscription",), ("product",), ())
"""What two items that are not the same have in common, step by step."""
Turned = Callable[[pl.DataFrame, pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]


def _ranked(rows: pl.DataFrame, group: list[str]) -> pl.DataFrame:
    """`rows` with their place in the group: largest value first, ties by item."""
    return rows.sort(
        *group, "value", ITEM, descending=[False] * len(group) + [True, False]
    ).with_columns(place=pl.int_range(pl.len()).over(group))


def pair(opening: pl.DataFrame, closing: pl.DataFrame, turned: Turned) -> pl.DataFrame:
    """Pairs of items.

    Args:
        opening: one row per CELL and item, with its subscription, product, span, value (at the month's rates), and
            `stood`.
        closing: as `opening`, at the closing end, without `stood`.
        turned: which items of both ends do not exist at the other end.

    Returns:
        CELL, opening_item, opening_span, opening_value, stood, closing_item, closing_span, closing_value; one row per
        pair, items without a partner once with null on the other side.
    """
    pairs = [
        _opened(opening).join(
            _closed(closing),
            left_on=[CELL, "opening_item"],
            right_on=[CELL, "closing_item"],
            coalesce=False,
        )
    ]
    opening, closing = _left(opening, closing, pairs[-1])
    for step in ELSEWHERE:
        group = [CELL, *step]
        left, right = _both(opening, closing, group)
        if not step:
            left, right = turned(left, right)
        ranked = _ranked(left, group), _ranked(right, group)
        pairs.append(
            _opened(ranked[0], *step, "place").join(
                _closed(ranked[1], *step, "place"), on=[*group, "place"]
            )
        )
        opening, closing = _left(opening, closing, pairs[-1])
    return pl.concat([*pairs, _opened(opening), _closed(closing)], how="diagonal").select(RESULT)


OPENED = (
    "opening_item",
    "opening_span",
    "opening_subscription",
    "opening_product",
    "opening_value",
    "stood",
)
CLOSED = (
    "closing_item",
    "closing_span",
    "closing_subscription",
    "closing_product",
    "closing_value",
)
RESULT = [CELL, *OPENED, *CLOSED]


def _opened(rows: pl.DataFrame, *more: str) -> pl.DataFrame:
    return rows.select(CELL, *more, "stood", **_named("opening"))


def _closed(rows: pl.DataFrame, *more: str) -> pl.DataFrame:
    return rows.select(CELL, *more, **_named("closing"))


def _named(side: str) -> dict[str, str]:
    return {f"{side}_{name}": name for name in (ITEM, "span", *SHARED, "value")}


def _both(
    opening: pl.DataFrame, closing: pl.DataFrame, group: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is in a group that has items at both ends."""
    return (
        opening.join(closing, on=group, how="semi"),
        closing.join(opening, on=group, how="semi"),
    )


def _left(
    opening: pl.DataFrame, closing: pl.DataFrame, found: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What has no partner yet."""
    return (
        opening.join(found, left_on=[CELL, ITEM], right_on=[CELL, "opening_item"], how="anti"),
        closing.join(found, left_on=[CELL, ITEM], right_on=[CELL, "closing_item"], how="anti"),
    )
