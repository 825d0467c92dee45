"""What an account did between two month ends and took back.

What belongs here: ups and downs of values in a row. What does not: at which instants they are read (`truth`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Activity:
    """One row of `intra_month_activity`, micro-units."""

    changes: int
    up_mrr: int
    down_mrr: int
    passing_items: int

    @property
    def netted_mrr(self) -> int:
        """What the movement does not show."""
        return min(self.up_mrr, self.down_mrr)


def activity_of(values: Sequence[Mapping[str, int]]) -> Activity:
    """Of an account's counting items with their values, from one end of the month to the other."""
    sums = [sum(items.values()) for items in values]
    steps = [after - before for before, after in pairwise(sums) if after != before]
    seen = set().union(*values)
    return Activity(
        changes=len(steps),
        up_mrr=sum(step for step in steps if step > 0),
        down_mrr=-sum(step for step in steps if step < 0),
        passing_items=len(seen - set(values[0]) - set(values[-1])),
    )
