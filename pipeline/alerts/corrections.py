"""Closed months whose headlines moved by so much that people who know the old figure should hear of it.

Belongs here: which restatements are worth a note. Source of the rule: docs/alerts.md, "Restated months".
"""

import hashlib
from dataclasses import dataclass
from datetime import date

import polars as pl

HEADLINES = ("expansion_mrr", "expansion_rate", "nrr", "ending_mrr")


@dataclass(frozen=True, slots=True)
class Correction:
    """One headline of one closed month.

    Attributes:
        month: the month.
        version: its version now.
        metric: the figure.
        old: what people were told; major units or a share, null where it was undefined.
        new: what it is now.
        causes: evidence, link or code.
    """

    month: date
    version: int
    metric: str
    old: float | None
    new: float | None
    causes: tuple[str, ...]

    @property
    def relative(self) -> float | None:
        """The move as a share of the old figure; null where there is none."""
        if self.old is None or self.new is None or self.old == 0:
            return None
        return self.new / self.old - 1


def corrections(restatement: pl.DataFrame, bound: float) -> tuple[Correction, ...]:
    """The headlines of the total of every month of which one moved by more than `bound`.

    Args:
        restatement: RESTATEMENT rows of which no note has been sent. Several versions of a month count together, from
            the first old figure to the last new one.
        bound: a share of the old figure. A figure that came or went, or was 0, moved by more than any bound.
    """
    rows = (
        restatement.filter(
            (pl.col("dimension") == "total") & pl.col("metric").is_in(list(HEADLINES))
        )
        .sort("version")
        .group_by("month", "metric", maintain_order=True)
        .agg(
            pl.col("version").last(),
            pl.col("old").first(),
            pl.col("new").last(),
            causes=pl.col("cause").unique(maintain_order=True),
        )
    )
    relative = (pl.col("new") / pl.col("old") - 1).abs()
    both = pl.col("old").is_not_null() & pl.col("new").is_not_null() & (pl.col("old") != 0)
    moved = pl.when(both).then(relative > bound).otherwise(pl.col("old").ne_missing(pl.col("new")))
    told = rows.filter(moved.any().over("month") & pl.col("old").ne_missing(pl.col("new")))
    order = {metric: place for place, metric in enumerate(HEADLINES)}
    found = [
        Correction(**{**row, "causes": tuple(row["causes"])}) for row in told.iter_rows(named=True)
    ]
    return tuple(sorted(found, key=lambda each: (each.month, order[each.metric])))


def note_key(found: tuple[Correction, ...]) -> str:
    """Names a note by the months and versions that it tells."""
    versions = sorted({f"{each.month:%Y-%m}|v{each.version}" for each in found})
    name = hashlib.sha256("\n".join(versions).encode()).hexdigest()[:16]
    return f"restatement|{max(each.month for each in found):%Y-%m}|{name}"
