"""Nights: new evidence is folded into what was folded before.

Belongs here: which customers new evidence may tell something new of, what becomes of them, one share of all customers
after another, and from when on the result says something else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipeline import schemas
from pipeline.billing.coverage import spans
from pipeline.billing.decoding import Evidence
from pipeline.billing.folding import (
    FOLDED,
    OWN,
    TOGETHER,
    Folded,
    Shared,
    in_groups,
    of_customers,
    put_together,
    ranges,
    tax_rates,
    what_is_shared,
)
from pipeline.billing.unreadable import touching
from pipeline.schemas import ITEM_TIMELINE, SUBSCRIPTION_PHASE, Table

FROM = "valid_from"
CATALOGUE = ("price", "coupon", "product")
CHANGES = pl.Schema({"at": ITEM_TIMELINE.column(FROM).dtype, "proof": pl.String()})
SHARE = 3_000_000
"""Rows of evidence whose customers are a share: they have about a tenth as many rows of the timeline, which are in
memory together, as they were and as they are."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was folded before: dimensions by the name of their table, and what was folded of all customers."""

    dimensions: Mapping[str, pl.DataFrame]
    item_timeline: pl.LazyFrame
    usage_charge: pl.LazyFrame

    def of(self, whose: pl.Expr) -> Folded:
        """What was folded of some customers."""
        mine = [getattr(self, table.name).filter(whose) for table in FOLDED]
        return Folded(*pl.collect_all(mine))


@dataclass(frozen=True, slots=True)
class Changes:
    """What the items of some customers say otherwise than before.

    Attributes:
        found: CHANGES, one row per difference.
        begun: where their timelines begin; None where they have none.
    """

    found: pl.DataFrame
    begun: datetime | None


@dataclass(frozen=True, slots=True)
class Share:
    """What is folded of some customers, sorted by key, and what of it differs from before."""

    folded: Folded
    changes: Changes


@dataclass(frozen=True, slots=True)
class Fold:
    """What evidence makes of the billing before it, folded share by share: all of it may not fit into memory.

    Attributes:
        shared: the dimensions that it says.
    """

    shared: Shared
    _before: Before | None
    _evidence: Evidence
    _coverage: pl.LazyFrame
    _touched: pl.Series | None
    """The customers that are folded; None: all."""
    _together: int
    _ranges: Sequence[pl.Expr]

    @property
    def customers(self) -> int:
        """How many customers are folded."""
        if self._touched is None:
            return self.shared.dimensions["customer"].height
        return self._touched.len()

    @property
    def of(self) -> int:
        """In how many shares all customers are."""
        return len(self._ranges)

    def share(self, number: int) -> Share:
        """Fold a share of the customers, from 0; everybody is in one of them."""
        whose = self._ranges[number]
        evidence = of_customers(self._evidence, whose)
        if self._touched is None or self._before is None:
            now = self._folded(evidence)
            old = self._before.of(whose) if self._before else None
            return Share(now, moved(old, now, now))
        mine = pl.col("customer_id").is_in(self._touched.implode(), nulls_equal=True)
        known = self._before.of(whose)
        kept, old = (
            Folded(*(getattr(known, table.name).filter(which) for table in FOLDED))
            for which in (mine.not_(), mine)
        )
        new = self._folded(of_customers(evidence, mine))
        now = put_together([kept, new])
        return Share(now, moved(old, new, now))

    def changes(self, shares: Sequence[Changes]) -> pl.DataFrame:
        """What everything says otherwise than before (`changes`), with `shares` those of all shares."""
        before = self._before.dimensions if self._before else None
        return changes(before, self.shared.dimensions, shares)

    def _folded(self, evidence: Evidence) -> Folded:
        return in_groups(evidence, self._coverage, self.shared, self._together)


def fold_all(
    before: Before | None,
    evidence: Evidence,
    coverage: pl.LazyFrame,
    together: int = TOGETHER,
    share: int = SHARE,
) -> Fold:
    """Every customer folded anew. The result depends on the set of records alone, in whatever order and however often.

    Args:
        before: what other code folded before, or of other records; None: nothing.
        evidence: the decoded records.
        coverage: COVERAGE: over which spans every event is known.
        together: how many rows of evidence are folded at once, at least one customer's.
        share: how many rows of evidence a share's customers have.
    """
    shared = what_is_shared(evidence, coverage)
    return Fold(shared, before, evidence, coverage, None, together, ranges(evidence, share))


def fold_new(
    before: Before,
    known: Evidence,
    fresh: Evidence,
    covered: pl.LazyFrame,
    coverage: pl.LazyFrame,
    together: int = TOGETHER,
    share: int = SHARE,
) -> Fold:
    """What folding all evidence says, folding only the customers that it may say something else of than before.

    Args:
        before: what was folded of `known`, under the coverage `covered`.
        known: the records that were folded before.
        fresh: the records that are new.
        covered: COVERAGE rows known before.
        coverage: COVERAGE rows known now.
        together: how many rows of evidence are folded at once, at least one customer's.
        share: how many rows of evidence a share's customers have.
    """
    evidence = _both(known, fresh)
    shared = what_is_shared(evidence, coverage)
    touched = _touched(before.dimensions, shared, known, fresh, covered, coverage)
    return Fold(shared, before, evidence, coverage, touched, together, ranges(evidence, share))


def since(changes: pl.DataFrame) -> datetime | None:
    """The earliest instant from which anything is said otherwise (CHANGES); None when nothing is."""
    return _earliest(changes, "at")


def _both(known: Evidence, fresh: Evidence) -> Evidence:
    return Evidence(
        *(pl.concat([known.frame(table), fresh.frame(table)]) for table in schemas.OBSERVED)
    )


def moved(old: Folded | None, new: Folded, everybody: Folded) -> Changes:
    """What the items of some customers say otherwise than before.

    Args:
        old: what was folded of them before; None: nothing was, of nobody.
        new: what is folded of them now.
        everybody: the same of these and others, whose timelines all begin then.
    """
    found = [CHANGES.to_frame()]
    if old is not None:
        charges = (each.usage_charge.drop("customer_id") for each in (old, new))
        found = [_moved(ITEM_TIMELINE, old.item_timeline, new.item_timeline), _difference(*charges)]
    return Changes(pl.concat(found), _earliest(everybody.item_timeline, FROM))


def changes(
    old: Mapping[str, pl.DataFrame] | None,
    new: Mapping[str, pl.DataFrame],
    shares: Sequence[Changes],
) -> pl.DataFrame:
    """`at, proof` (CHANGES): one row per difference to before, perhaps none.

    `at` is the instant from which something else is said: usage counts from the last one of its period on, a changed
    dimension (a price's tiers, a coupon) touches everything. `proof` is the id of the record that shows it; null where
    nothing shows what is gone.

    Args:
        old: the dimensions before; None: nothing was folded before, so all of it differs.
        new: the dimensions now.
        shares: what differs in the items of all customers.
    """
    begun = min((each.begun for each in shares if each.begun), default=None)
    if old is None:
        return _everything(begun, [None])
    phases = SUBSCRIPTION_PHASE.name
    found = [*(each.found for each in shares), _moved(SUBSCRIPTION_PHASE, old[phases], new[phases])]
    if not all(old[name].equals(new[name]) for name in CATALOGUE):
        ids = [_differing(old[name], new[name], f"{name}_id") for name in CATALOGUE]
        found.append(_everything(begun, [None, *pl.concat(ids).sort()]))
    return pl.concat(found)


def _everything(begun: datetime | None, proofs: Sequence[str | None]) -> pl.DataFrame:
    rows = {"at": [begun] * len(proofs), "proof": proofs}
    return pl.DataFrame(rows, schema=CHANGES).drop_nulls("at")


def _touched(
    before: Mapping[str, pl.DataFrame],
    shared: Shared,
    known: Evidence,
    fresh: Evidence,
    covered: pl.LazyFrame,
    coverage: pl.LazyFrame,
) -> pl.Series | None:
    """The customers whose items may differ from before; None for all."""
    reached = _reached(covered, coverage)
    doubtful = touching(fresh.unreadable)
    if reached is None or doubtful is None:
        return None
    now = shared.dimensions
    coupons = _differing(before["coupon"], now["coupon"], "coupon_id")
    changed = _differing(before["discount"], now["discount"], "discount_id")
    given = pl.concat([before["discount"], now["discount"]]).filter(
        pl.col("coupon_id").is_in(coupons.implode())
        | pl.col("discount_id").is_in(changed.implode())
    )
    if given.get_column("customer_id").has_nulls():
        return None
    prices = _differing(before["price"], now["price"], "price_id")
    rates = _differing(tax_rates(known).collect(), shared.tax_rates, "tax_rate_id")
    named = pl.element().struct
    at_price = named.field("price_id").is_in(prices.implode())
    taxed = named.field("line_tax_rates").list.set_intersection(rates.to_list()).list.len() > 0
    found = [
        *(getattr(fresh, name) for name in OWN),
        known.subscription.filter(pl.col("at") > reached),
        given.lazy(),
        doubtful.to_frame().lazy(),
    ]
    if len(prices):
        found.append(known.subscription.filter(pl.col("items").list.eval(at_price).list.any()))
    if len(prices) or len(rates):
        refers = pl.col("lines").list.eval(at_price | taxed).list.any()
        found.append(known.invoice.filter(refers))
    whose = [frame.select("customer_id") for frame in found]
    touched: pl.Series = pl.concat(whose).unique().collect().to_series()
    return touched


def _reached(covered: pl.LazyFrame, coverage: pl.LazyFrame) -> datetime | None:
    """Up to when events were known, if now they are known on from there; None if the coverage differs otherwise.

    Only what lies beyond it can read differently then: spans that end later, and starts of subscriptions.
    """
    key = ["source_account", "covered_from"]
    both = (
        spans(covered)
        .join(spans(coverage), on=key, how="full", coalesce=True, suffix="_now")
        .with_columns(
            last=pl.col("covered_from").max().over("source_account") == pl.col("covered_from")
        )
        .collect()
    )
    same = pl.col("covered_to") == pl.col("covered_to_now")
    longer = pl.col("last") & (pl.col("covered_to") < pl.col("covered_to_now"))
    if both.is_empty() or not both.select((same | longer).fill_null(value=False).all()).item():
        return None
    found = both.filter(pl.col("last")).get_column("covered_to").min()
    return found if isinstance(found, datetime) else None


def _differing(old: pl.DataFrame, new: pl.DataFrame, column: str) -> pl.Series:
    """The ids in `column` of the rows that only one of the frames has."""
    both = pl.concat([old, new]).with_columns(seen=pl.struct(pl.all()).hash())
    return both.filter(pl.len().over("seen") == 1).get_column(column).unique()


def _earliest(frame: pl.DataFrame, column: str) -> datetime | None:
    value = frame.get_column(column).min()
    return value if isinstance(value, datetime) else None


def _moved(table: Table, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Where two timelines differ (CHANGES); a span that only ends otherwise differs from there on."""
    key, ends = [*table.key], ("valid_to", "closed_by")
    state = [name for name in new.columns if name not in (*key, *ends)]

    def told(frame: pl.DataFrame, side: str) -> pl.LazyFrame:
        return frame.lazy().select(
            *key,
            pl.struct(state).hash().alias(f"state_{side}"),
            pl.col("valid_to").alias(f"end_{side}"),
        )

    same_state = pl.col("state_old").eq_missing(pl.col("state_new"))
    same_end = pl.col("end_old").eq_missing(pl.col("end_new"))
    ended = pl.coalesce("closed_by", "opened_by")
    return (
        told(old, "old")
        .join(told(new, "new"), on=key, how="full", coalesce=True)
        .filter((same_state & same_end).not_())
        # Proofs are looked up for the rows that differ: the comparison has no need of them.
        .join(new.lazy().select(*key, "opened_by", "closed_by"), on=key, how="left")
        .select(
            at=pl.when(same_state).then(pl.min_horizontal("end_old", "end_new")).otherwise(FROM),
            proof=pl.when(same_state).then(ended).otherwise("opened_by"),
        )
        .collect()
    )


def _difference(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The usage charges that only one side has (CHANGES)."""
    both = pl.concat([old, new])
    single = both.with_columns(seen=pl.struct(both.columns).hash()).filter(
        pl.len().over("seen") == 1
    )
    # What ends with a month counts at its end: the last instant of the period is in the first month that has it.
    last = pl.col("period_end") - pl.duration(microseconds=1)
    return single.select(at=last, proof="invoice_id")
