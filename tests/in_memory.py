"""All of a fold in memory at once, for tests of small companies: the pipeline reads a `billing.Fold` share by share."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipeline.billing import nights
from pipeline.billing.decoding import Evidence, decode
from pipeline.billing.folding import DIMENSIONS, FOLDED, TOGETHER, put_together
from pipeline.billing.nights import SHARE, Before, Fold, fold_all, fold_new


@dataclass(frozen=True, slots=True)
class Billing:
    """What billing evidence says; each frame has the schema of the table of its name."""

    customer: pl.DataFrame
    product: pl.DataFrame
    price: pl.DataFrame
    coupon: pl.DataFrame
    discount: pl.DataFrame
    subscription_phase: pl.DataFrame
    item_timeline: pl.DataFrame
    usage_charge: pl.DataFrame

    def before(self) -> Before:
        """As what a night begins with."""
        return Before(
            {table.name: getattr(self, table.name) for table in DIMENSIONS},
            *(getattr(self, table.name).lazy() for table in FOLDED),
        )


@dataclass(frozen=True, slots=True)
class Night:
    """What a night's evidence makes of the billing before it."""

    billing: Billing
    changes: pl.DataFrame
    """`at, proof`: from when on it says anything else than before, and the id of a record that proves it."""
    customers: int
    """How many customers were folded."""

    @property
    def since(self) -> datetime | None:
        """The earliest instant from which it says anything else than before; None when nothing differs."""
        return nights.since(self.changes)


def fold(raw: pl.LazyFrame, coverage: pl.LazyFrame) -> Billing:
    """Every frame of billing from the raw records (RAW_RECORD) and the coverage of events (COVERAGE)."""
    return fold_evidence(decode(raw), coverage)


def fold_evidence(
    evidence: Evidence, coverage: pl.LazyFrame, together: int = TOGETHER, share: int = SHARE
) -> Billing:
    """`nights.fold_all`, where nothing was folded before."""
    return read(fold_all(None, evidence, coverage, together, share)).billing


def fold_night(
    before: Billing,
    known: Evidence,
    fresh: Evidence,
    covered: pl.LazyFrame,
    coverage: pl.LazyFrame,
    together: int = TOGETHER,
    share: int = SHARE,
) -> Night:
    """`nights.fold_new`."""
    return read(fold_new(before.before(), known, fresh, covered, coverage, together, share))


def read(found: Fold) -> Night:
    """All shares of a fold together, sorted by key."""
    shares = [found.share(number) for number in range(found.of)]
    together = put_together([each.folded for each in shares])
    frames = {table.name: getattr(together, table.name) for table in FOLDED}
    differing = found.changes([each.changes for each in shares])
    return Night(Billing(**found.shared.dimensions, **frames), differing, found.customers)


def changes(old: Billing, new: Billing) -> pl.DataFrame:
    """What `new` says otherwise than `old`, as `Fold.changes`."""
    one, other = (each.before() for each in (old, new))
    was, now = (each.of(pl.lit(value=True)) for each in (one, other))
    return nights.changes(one.dimensions, other.dimensions, [nights.moved(was, now, now)])
