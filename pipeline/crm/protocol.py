"""What a CRM's adapter gives: the frames of `pipeline.schemas.told`, made of its raw records.

Belongs here: the words that adapters and links share, and reading records whatever the CRM. An object that is not
listed any more is stored once more as `{"gone": true, "id": ...}`; see `pipeline.lake.vanishing`.
"""

from dataclasses import dataclass
from typing import Protocol

import polars as pl

from pipeline.schemas.told import (
    TOLD_ACCOUNT,
    TOLD_ACCOUNT_CHANGE,
    TOLD_CONTACT,
    TOLD_DEAL,
    TOLD_DEAL_CHANGE,
)

GONE = r'^\{"gone": ?true\b'
"""How the payload of an object begins that the CRM does not list any more."""


def on_day(day: pl.Expr) -> pl.Expr:
    """An instant of a date: ten in UTC is on that day in every zone from 10 hours behind to 13:59 ahead."""
    return (day.cast(pl.Datetime("us")) + pl.duration(hours=10)).dt.replace_time_zone("UTC")


@dataclass(frozen=True, slots=True)
class Fields:
    """Which of a CRM's own fields are read beside the standard ones.

    Attributes:
        stripe_ids: fields that may hold Stripe customer ids, separated by `;`.
        segment: the field that holds the segment; null when segments come from ACV.
    """

    stripe_ids: tuple[str, ...]
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What one CRM tells.

    Attributes:
        account: TOLD_ACCOUNT.
        account_change: TOLD_ACCOUNT_CHANGE.
        deal: TOLD_DEAL.
        deal_change: TOLD_DEAL_CHANGE.
        contact: TOLD_CONTACT.
    """

    account: pl.LazyFrame
    account_change: pl.LazyFrame
    deal: pl.LazyFrame
    deal_change: pl.LazyFrame
    contact: pl.LazyFrame

    @classmethod
    def nothing(cls) -> "Told":
        """What a CRM tells that has nothing."""
        return cls(
            TOLD_ACCOUNT.empty().lazy(),
            TOLD_ACCOUNT_CHANGE.empty().lazy(),
            TOLD_DEAL.empty().lazy(),
            TOLD_DEAL_CHANGE.empty().lazy(),
            TOLD_CONTACT.empty().lazy(),
        )


class CrmSource(Protocol):
    """One CRM's adapter."""

    @property
    def name(self) -> str:
        """hubspot, salesforce or file: the `source` of its raw records and the prefix of its account ids."""
        ...

    def told(self, raw: pl.LazyFrame, fields: Fields) -> Told:
        """The five frames.

        Args:
            raw: RAW_RECORD rows of this CRM, whatever their order; may be empty.
            fields: which fields are read beside the standard ones.
        """
        ...


def versions(raw: pl.LazyFrame, stream: str) -> pl.LazyFrame:
    """Every stored version of the objects of one stream: `id, observed_at, payload, gone`, oldest first."""
    return (
        raw.filter(pl.col("stream") == stream)
        .select(
            "id",
            "observed_at",
            "payload",
            gone=pl.col("payload").str.contains(GONE),
        )
        .sort("id", "observed_at")
    )


def latest(raw: pl.LazyFrame, stream: str) -> pl.LazyFrame:
    """The latest version of each object that the CRM still lists: `id, observed_at, payload`."""
    return (
        versions(raw, stream)
        .unique("id", keep="last", maintain_order=True)
        .filter(~pl.col("gone"))
        .drop("gone")
    )
