"""`[readiness]`: who expands next, and what is known beside Stripe and the CRM.

Belongs here: keys, their defaults, and what is wrong with a value. What the points mean is in docs/readiness.md.
"""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from pipeline.config.section import FilePath, Money, Month, Said, Section

LEAST = 0.01
"""Points of all groups; less would be lost in rounding when they are brought to 100."""
Weight = Annotated[float, Field(ge=0, le=1_000_000)]


class Points(Section):
    """Points of each group; they are brought to 100 in all."""

    capacity: Weight = 30
    growth: Weight = 15
    billing: Weight = 20
    fit: Weight = 15
    relationship: Weight = 10
    health: Weight = 30
    """What trouble takes away at most."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.capacity + self.growth + self.billing + self.fit + self.relationship < LEAST:
            raise ValueError("give points to one group at least")
        return self


class Program(Section):
    """What was spent to make accounts expand."""

    name: Said
    month: Month
    cost: Money
    """In the reporting currency's major unit."""
    experiment: str | None = None
    """The experiment that says what the program added."""
    accounts: FilePath | None = None
    """CSV or Parquet account_id or customer_id: whom it reached. Without an experiment it gives an estimate."""


class Readiness(Section):
    """How ready accounts are to expand."""

    enabled: bool = True
    points: Points = Points()
    usage: FilePath | None = None
    """CSV or Parquet customer_id or account_id, day, feature, value."""
    limits: FilePath | None = None
    """CSV plan,feature,limit; wins over what a product's metadata says."""
    limit_metadata: dict[str, str] = Field(
        default_factory=lambda: {"seats": "seat_limit", "api_calls": "api_call_limit"}
    )
    """Feature -> the key of a product's metadata in Stripe that holds its limit."""
    seats: str = "seats"
    """The feature of the usage file that counts seats in use."""
    slack: tuple[str, ...] = ()
    """Owners who want the weekly list, by the name that the CRM has."""
    programs: tuple[Program, ...] = ()

    @field_validator("programs")
    @classmethod
    def _apart(cls, programs: tuple[Program, ...]) -> tuple[Program, ...]:
        """What is known of a program is kept by its name and month."""
        named = [(each.name, each.month) for each in programs]
        twice = next((each for each in named if named.count(each) > 1), None)
        if twice:
            raise ValueError(
                f'two programs of one month are named "{twice[0]}"; give each its own name'
            )
        return programs
