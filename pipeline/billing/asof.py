"""What was known of something at an instant.

Belongs here: joining rows with the newest fact no later than them, or with the next one.
"""

from collections.abc import Sequence
from typing import Literal

import polars as pl


def asof(
    rows: pl.LazyFrame,
    at: str,
    facts: pl.LazyFrame,
    since: str,
    by: str | Sequence[str],
    strategy: Literal["backward", "forward"] = "backward",
) -> pl.LazyFrame:
    """`rows`, in order of `at`, with the newest of the `facts` of the same `by` that has `since` <= `at`.

    Where there is none, the columns of `facts`, `since` with them, are null. `strategy` forward: the first that has
    `since` >= `at`. `since` must have another name than the columns of `rows`. Of facts with the same `since` the last
    in order counts.
    """
    # Polars cannot check the order within groups, and would warn of it.
    return rows.sort(at).join_asof(
        facts.sort(since, maintain_order=True),
        left_on=at,
        right_on=since,
        by=by,
        strategy=strategy,
        check_sortedness=False,
        coalesce=False,
    )
