"""The parameters of attribution, as values.

Belongs here: windows, deal types, the reporting time zone and currency, and what a deal's type means by them.
Source of the rules: docs/attribution.md.
"""

from dataclasses import dataclass, replace
from typing import Self

import polars as pl

from pipeline.config import Config

CONTRACTUAL, SALES, INFLUENCED, NATURAL, UNKNOWN = (
    "contractual", "sales_driven", "influenced", "natural", "unknown",
)  # fmt: skip
ATTRIBUTIONS = (CONTRACTUAL, SALES, INFLUENCED, NATURAL, UNKNOWN)
"""Every attribution, in the order in which they are tried."""
NO_TYPE = "(none)"
"""How a deal without a type is named."""


@dataclass(frozen=True, slots=True)
class AttributionRules:
    """How a change and the deals around it are judged.

    Attributes:
        before: a won deal that was closed so many days before a change, at most, explains it.
        after: or so many days after it.
        influence: a deal that was open in so many days before a change influenced it.
        expansion: the CRM's deal types that mean expansion.
        other: deal types that are known to mean something else.
        timezone: days are those of this time zone.
        currency: the reporting currency.
    """

    before: int = 45
    after: int = 30
    influence: int = 90
    expansion: tuple[str, ...] = ("existingbusiness", "Existing Business")
    other: tuple[str, ...] = ("newbusiness", "New Business")
    timezone: str = "UTC"
    currency: str = "usd"

    @classmethod
    def of(cls, config: Config) -> Self:
        """The rules as `pipeline.toml` has them."""
        days, types = config.crm.attribution_days, config.crm.deal_types
        return cls(
            before=days.before,
            after=days.after,
            influence=days.influence,
            expansion=types.expansion,
            other=(*types.new, *types.renewal),
            timezone=config.company.timezone,
            currency=config.company.reporting_currency,
        )

    def with_days(self, days: int) -> Self:
        """The same rules with every window `days` long."""
        return replace(self, before=days, after=days, influence=days)

    def day(self, instant: pl.Expr) -> pl.Expr:
        """The calendar day of an instant in the reporting time zone."""
        return instant.dt.convert_time_zone(self.timezone).dt.date()

    def is_expansion(self, kind: pl.Expr) -> pl.Expr:
        """Whether deals of this type are for expansion."""
        return kind.is_in(list(self.expansion)).fill_null(value=False)

    def unmapped(self, deal: pl.LazyFrame) -> pl.DataFrame:
        """The types of CRM_DEAL that the configuration does not name: `type, deals`, most deals first."""
        known = [*self.expansion, *self.other]
        return (
            deal.filter(pl.col("type").is_in(known).fill_null(value=False).not_())
            .group_by(pl.col("type").fill_null(NO_TYPE))
            .agg(deals=pl.len().cast(pl.Int64))
            .sort("deals", "type", descending=[True, False])
            .collect()
        )
