"""What is known of accounts, as frames.

Belongs here: the frames that indicators are made from, and the months that they need.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from pipeline.months import Calendar, add_months
from pipeline.readiness.chance import number_of, uniform
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_HISTORY,
    ACCOUNT_LINK,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    MRR_MOVEMENT,
    MRR_SNAPSHOT,
    PRICE,
    PRODUCT,
    USAGE_CHARGE,
)

BACK = 12
"""Months of movements that an indicator looks back."""
SLOPE = 3
"""Months over which growth is measured."""
SAMPLE = 2**31
"""The draw that says who is sampled: none that anything else is drawn by."""
USAGE = pl.Schema(
    {"account_id": pl.String, "day": pl.Date, "feature": pl.String, "value": pl.Float64}
)
"""Product usage: one row per account, day and feature."""
LIMITS = pl.Schema({"plan": pl.String, "feature": pl.String, "limit": pl.Float64})
"""What a plan allows: one row per plan and feature."""


@dataclass(frozen=True, slots=True)
class Known:
    """Frames with the schema of the table of their name; each may hold more than any month needs.

    Attributes:
        snapshot: of the months that are looked at, and of those `SLOPE` months before.
        movement: of the months that are looked at, and of `BACK` months before.
        usage: USAGE, product usage by day.
        limits: LIMITS.
        limit_keys: feature -> key of a product's metadata that holds its limit.
        expansion_types: deal types that mean expansion.
        seats: the feature that counts seats in use.
    """

    snapshot: pl.LazyFrame
    movement: pl.LazyFrame
    account: pl.LazyFrame = field(default_factory=lambda: ACCOUNT.empty().lazy())
    account_history: pl.LazyFrame = field(default_factory=lambda: ACCOUNT_HISTORY.empty().lazy())
    account_link: pl.LazyFrame = field(default_factory=lambda: ACCOUNT_LINK.empty().lazy())
    deal: pl.LazyFrame = field(default_factory=lambda: CRM_DEAL.empty().lazy())
    deal_history: pl.LazyFrame = field(default_factory=lambda: CRM_DEAL_HISTORY.empty().lazy())
    product: pl.LazyFrame = field(default_factory=lambda: PRODUCT.empty().lazy())
    price: pl.LazyFrame = field(default_factory=lambda: PRICE.empty().lazy())
    usage_charge: pl.LazyFrame = field(default_factory=lambda: USAGE_CHARGE.empty().lazy())
    usage: pl.LazyFrame = field(default_factory=lambda: pl.LazyFrame(schema=USAGE))
    limits: pl.LazyFrame = field(default_factory=lambda: pl.LazyFrame(schema=LIMITS))
    limit_keys: tuple[tuple[str, str], ...] = ()
    expansion_types: tuple[str, ...] = ("existingbusiness", "Existing Business")
    seats: str = "seats"

    @classmethod
    def nothing(cls) -> "Known":
        """Nobody."""
        return cls(snapshot=MRR_SNAPSHOT.empty().lazy(), movement=MRR_MOVEMENT.empty().lazy())

    def sampled(self, share: float) -> "Known":
        """A share of the accounts, by a hash: the same ones in each month, whatever else there is."""
        if share >= 1:
            return self
        drawn = uniform(number_of(pl.col("account_id")), SAMPLE) < share
        ids = self.account.select("account_id").filter(drawn).collect().lazy()

        def of_drawn(rows: pl.LazyFrame) -> pl.LazyFrame:
            return rows.join(ids, on="account_id", how="semi")

        return replace(
            self,
            snapshot=of_drawn(self.snapshot),
            movement=of_drawn(self.movement),
            account=of_drawn(self.account),
            account_history=of_drawn(self.account_history),
            deal=of_drawn(self.deal),
            usage=of_drawn(self.usage),
        )


def snapshots_for(months: Sequence[date]) -> list[date]:
    """The months whose snapshots the indicators of `months` need."""
    return sorted({end for month in months for end in (month, add_months(month, -SLOPE))})


def movements_for(months: Sequence[date]) -> list[date]:
    """The months whose movements they need."""
    return sorted({add_months(month, -back) for month in months for back in range(BACK)})


def ends_of(calendar: Calendar, months: Sequence[date]) -> pl.LazyFrame:
    """`month, at`: the instant before which something had to be known to count at the month's end."""
    return calendar.ends(months).lazy().select("month", at="boundary")
