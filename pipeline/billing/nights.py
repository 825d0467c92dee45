"""Nights: new evidence is folded into what was folded before.

Belongs here: which customers new evidence may tell something new of, and from when on the result says something else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from pipeline import schemas
from pipeline.billing.coverage import spans
from pipeline.billing.decoding import Evidence
from pipeline.billing.folding import (
    FOLDED,
    OWN,
    TOGETHER,
    Billing,
    Shared,
    fold_evidence,
    in_groups,
    of_customers,
    put_together,
    tax_rates,
    what_is_shared,
)
from pipeline.billing.unreadable import touching
from pipeline.schemas import ITEM_TIMELINE, SUBSCRIPTION_PHASE, Table

FROM = "valid_from"
CATALOGUE = ("price", "coupon", "product")
CHANGES = pl.Schema({"at": ITEM_TIMELINE.column(FROM).dtype, "proof": pl.String()})


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
        return _earliest(self.changes, "at")


def fold_night(
    before: Billing,
    known: Evidence,
    fresh: Evidence,
    covered: pl.LazyFrame,
    coverage: pl.LazyFrame,
    together: int = TOGETHER,
) -> Night:
    """What folding all evidence returns, folding only the customers that it may say something else of than before.

    Args:
        before: what was folded of `known`, under the coverage `covered`.
        known: the records that were folded before.
        fresh: the records that are new.
        covered: COVERAGE rows known before.
        coverage: COVERAGE rows known now.
        together: how many rows of evidence are folded at once.
    """
    evidence = _both(known, fresh)
    shared = what_is_shared(evidence, coverage)
    whose = _touched(before, shared, known, fresh, covered, coverage)
    if whose is None:
        billing = fold_evidence(evidence, coverage, together)
        return Night(billing, changes(before, billing), billing.customer.height)
    mine = pl.col("customer_id").is_in(whose.implode(), nulls_equal=True)
    parts = in_groups(of_customers(evidence, mine), coverage, shared, together)
    kept = [tuple(getattr(before, table.name).filter(mine.not_()) for table in FOLDED)]
    billing = put_together(shared, [*kept, *parts])
    old = replace(before, **{t.name: getattr(before, t.name).filter(mine) for t in FOLDED})
    differing = changes(old, put_together(shared, parts), _earliest(billing.item_timeline, FROM))
    return Night(billing, differing, whose.len())


def _both(known: Evidence, fresh: Evidence) -> Evidence:
    return Evidence(
        *(pl.concat([known.frame(table), fresh.frame(table)]) for table in schemas.OBSERVED)
    )


def changes(old: Billing | None, new: Billing, begun: datetime | None = None) -> pl.DataFrame:
    """`at, proof`: one row per difference between `old` and `new`, perhaps none.

    `at` is the instant from which `new` says something else: usage counts from the end of its period on, a changed
    dimension (a price's tiers, a coupon) touches everything. `proof` is the id of the record that shows it; null where
    nothing shows what is gone.

    Args:
        old: what was folded before; null: nothing, so all of `new` differs.
        new: what is folded now.
        begun: where everything begins, if `new` is not all that was folded.
    """
    begun = begun or _earliest(new.item_timeline, FROM)
    if old is None:
        return _everything(begun, [None])
    found = [
        _moved(ITEM_TIMELINE, old.item_timeline, new.item_timeline),
        _moved(SUBSCRIPTION_PHASE, old.subscription_phase, new.subscription_phase),
        _difference(old.usage_charge.drop("customer_id"), new.usage_charge.drop("customer_id")),
    ]
    if not _same_catalogue(old, new):
        ids = [
            _differing(getattr(old, name), getattr(new, name), f"{name}_id") for name in CATALOGUE
        ]
        found.append(_everything(begun, [None, *pl.concat(ids).sort()]))
    return pl.concat(found)


def _everything(begun: datetime | None, proofs: Sequence[str | None]) -> pl.DataFrame:
    rows = {"at": [begun] * len(proofs), "proof": proofs}
    return pl.DataFrame(rows, schema=CHANGES).drop_nulls("at")


def _touched(
    before: Billing,
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
    coupons = _differing(before.coupon, now["coupon"], "coupon_id")
    changed = _differing(before.discount, now["discount"], "discount_id")
    given = pl.concat([before.discount, now["discount"]]).filter(
        pl.col("coupon_id").is_in(coupons.implode())
        | pl.col("discount_id").is_in(changed.implode())
    )
    if given.get_column("customer_id").has_nulls():
        return None
    prices = _differing(before.price, now["price"], "price_id")
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


def _same_catalogue(old: Billing, new: Billing) -> bool:
    return all(getattr(old, name).equals(getattr(new, name)) for name in CATALOGUE)


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
    return single.select(at="period_end", proof="invoice_id")
