"""Billing: raw Stripe records become what the evidence says, before any policy.

Belongs here: dimensions, the item timeline and usage charges; pure, frames in and frames out. `fold` is the door.
Does not belong here: MRR, policies, accounts, exchange rates.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipeline import schemas
from pipeline.billing import dimensions, invoices, taxes, timeline
from pipeline.billing.decode import Evidence, decode
from pipeline.billing.known import spans


@dataclass(frozen=True, slots=True)
class Billing:
    """What billing evidence says; each frame has the schema of the table of its name."""

    customer: pl.DataFrame
    product: pl.DataFrame
    price: pl.DataFrame
    coupon: pl.DataFrame
    discount: pl.DataFrame
    item_timeline: pl.DataFrame
    usage_charge: pl.DataFrame


def fold(raw: pl.LazyFrame, coverage: pl.LazyFrame) -> Billing:
    """Every frame of billing from the raw records (RAW_RECORD) and the coverage of events (COVERAGE)."""
    return fold_evidence(decode(raw), coverage)


def fold_evidence(evidence: Evidence, coverage: pl.LazyFrame) -> Billing:
    """Every frame of billing from decoded records and the coverage of events (COVERAGE).

    The result depends on the set of records alone: replaying them in another order or twice changes nothing.
    """
    price = dimensions.prices(evidence).collect().lazy()
    covered = spans(coverage).collect().lazy()
    refs = dimensions.discounts(evidence, covered).collect().lazy()
    coupon = dimensions.coupons(evidence).collect().lazy()
    invoice_items = invoices.invoice_items(evidence.invoice_item).collect().lazy()
    rates = taxes.tax_rates(evidence.subscription, evidence.invoice).collect().lazy()
    lines = taxes.with_line_share(invoices.lines(evidence.invoice, invoice_items), rates)
    lines = lines.collect().lazy()
    usage = invoices.usage_charges(lines, price, refs, coupon)
    items = timeline.item_timeline(
        evidence.subscription, coverage, lines, invoice_items, price, refs, coupon
    )
    frames = {
        schemas.CUSTOMER: dimensions.customers(evidence),
        schemas.PRODUCT: dimensions.products(evidence),
        schemas.PRICE: price,
        schemas.COUPON: coupon,
        schemas.DISCOUNT: refs,
        schemas.ITEM_TIMELINE: items,
        schemas.USAGE_CHARGE: usage,
    }
    collected = pl.collect_all([frame.sort(table.key) for table, frame in frames.items()])
    return Billing(**{table.name: frame for table, frame in zip(frames, collected, strict=True)})


def touched_from(old: Billing | None, new: Billing) -> datetime | None:
    """The earliest instant from which `new` says anything else than `old`; None when nothing differs.

    Usage counts from the end of its period on. A changed dimension (a price's tiers, a coupon) touches everything.
    """
    if old is None:
        return _earliest(new.item_timeline, "valid_from")
    for name in ("price", "coupon", "product"):
        if not getattr(old, name).equals(getattr(new, name)):
            return _earliest(new.item_timeline, "valid_from")
    instants = [
        _moved(old.item_timeline, new.item_timeline),
        _difference(old.usage_charge, new.usage_charge, "period_end"),
    ]
    return min((instant for instant in instants if instant is not None), default=None)


def _earliest(frame: pl.DataFrame, column: str) -> datetime | None:
    value = frame.get_column(column).min()
    return value if isinstance(value, datetime) else None


def _moved(old: pl.DataFrame, new: pl.DataFrame) -> datetime | None:
    """The earliest instant from which two timelines differ; a span that only ends otherwise differs from there on."""
    key, ends = ["subscription_item_id", "valid_from"], ("valid_to", "closed_by")
    state = [name for name in new.columns if name not in (*key, *ends)]

    def told(frame: pl.DataFrame, side: str) -> pl.LazyFrame:
        return frame.lazy().select(
            *key,
            pl.struct(state).hash().alias(f"state_{side}"),
            pl.col("valid_to").alias(f"end_{side}"),
        )

    same_state = pl.col("state_old").eq_missing(pl.col("state_new"))
    same_end = pl.col("end_old").eq_missing(pl.col("end_new"))
    return _earliest(
        told(old, "old")
        .join(told(new, "new"), on=key, how="full", coalesce=True)
        .filter((same_state & same_end).not_())
        .select(
            at=pl.when(same_state)
            .then(pl.min_horizontal("end_old", "end_new"))
            .otherwise("valid_from")
        )
        .collect(),
        "at",
    )


def _difference(old: pl.DataFrame, new: pl.DataFrame, column: str) -> datetime | None:
    both = pl.concat([old, new])
    single = both.with_columns(seen=pl.struct(both.columns).hash()).filter(
        pl.len().over("seen") == 1
    )
    return _earliest(single, column)


__all__ = ["Billing", "Evidence", "decode", "fold", "fold_evidence", "touched_from"]
