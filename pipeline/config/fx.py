"""`[fx]`: where exchange rates come from.

Belongs here: keys and defaults. Does not belong here: looking a rate up (`pipeline.sources.fx`).
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.config.section import Address, Currency, FilePath, Section, once

Rate = Annotated[Decimal, Field(gt=Decimal("5e-13"), lt=Decimal(9_000_000))]
"""A rate is kept with 12 decimals, in 64 bits."""


class Fx(Section):
    """Where exchange rates come from."""

    source: Literal["ecb", "file", "fixed"] = "ecb"
    file: FilePath | None = None
    """CSV or Parquet month,currency,rate: the reporting currency for one unit."""
    rates: dict[Currency, Rate] = Field(default_factory=dict)
    """The reporting currency for one unit: with `fixed` all of them, else those that the source does not quote."""
    url: Address | None = None
    """Where the ECB's history is downloaded from; null: the ECB."""

    @field_validator("rates", mode="before")
    @classmethod
    def _one_each(cls, given: Any) -> Any:
        if isinstance(given, dict):
            once(tuple(currency.lower() for currency in given))
        return given

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.source == "file" and self.file is None:
            raise ValueError('source = "file" needs a file, for example file = "rates.csv"')
        return self
