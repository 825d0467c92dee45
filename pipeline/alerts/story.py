"""What a message tells beside the figure: what moved by type, and which accounts.

Belongs here: picking a few rows for people out of published figures. Money in major units of the reporting currency.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.money import MICRO

TOP = 3


@dataclass(frozen=True, slots=True)
class Story:
    """What moved in one month for one member.

    Attributes:
        types: (type, amount) of the expansion, largest first.
        grew: (account, amount) of the largest expansions; only for the total.
        shrank: (account, amount, movement) of the largest losses, amounts positive; only for the total.
    """

    types: tuple[tuple[str, float], ...] = ()
    grew: tuple[tuple[str, float], ...] = ()
    shrank: tuple[tuple[str, float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Background:
    """The published frames that stories are made from.

    Attributes:
        by_type: EXPANSION_BY_TYPE.
        movement: MRR_MOVEMENT over one month.
        account: ACCOUNT.
    """

    by_type: pl.DataFrame
    movement: pl.DataFrame
    account: pl.DataFrame


def story(background: Background, month: date, window: int, dimension: str, member: str) -> Story:
    """What moved in `month` for one member of a dimension."""
    types = (
        background.by_type.filter(
            (pl.col("month") == month)
            & (pl.col("window_months") == window)
            & (pl.col("dimension") == dimension)
            & (pl.col("member") == member)
            & (pl.col("amount") != 0)
        )
        .sort("amount", "type", descending=[True, False])
        .select("type", pl.col("amount") / MICRO)
    )
    if dimension != "total":
        return Story(types=tuple(types.iter_rows()))
    named = (
        background.movement.filter(pl.col("month") == month)
        .join(background.account.select("account_id", "name"), on="account_id", how="left")
        .select(
            "account_id",
            "movement",
            name=pl.coalesce("name", "account_id"),
            amount=pl.col("delta_mrr") / MICRO,
        )
        .sort("amount", "account_id")
    )
    grew = named.filter(movement="expansion").tail(TOP).reverse()
    shrank = named.filter(pl.col("movement").is_in(["contraction", "churn"])).head(TOP)
    return Story(
        types=tuple(types.iter_rows()),
        grew=tuple(grew.select("name", "amount").iter_rows()),
        shrank=tuple(shrank.select("name", -pl.col("amount"), "movement").iter_rows()),
    )
