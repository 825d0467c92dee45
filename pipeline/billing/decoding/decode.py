"""Decoding: raw records of Stripe become evidence in columns (`pipeline.schemas.observed`), each payload read once.

Belongs here: what is decoded in which order, and what is set aside. The other modules have the kinds of objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from pipeline import schemas
from pipeline.billing.accounts import own
from pipeline.billing.decoding import bills, catalogue, pricing
from pipeline.billing.decoding import payload as p
from pipeline.billing.decoding.lacking import lacking
from pipeline.billing.decoding.schedules import schedules
from pipeline.billing.decoding.subscriptions import subscriptions
from pipeline.billing.unreadable import TOO_LITTLE, named, odd_type, set_aside
from pipeline.schemas import Table


@dataclass(frozen=True, slots=True)
class Evidence:
    """Decoded records; each frame has the schema of the table `observed_` and its name."""

    customer: pl.LazyFrame
    product: pl.LazyFrame
    price: pl.LazyFrame
    price_edit: pl.LazyFrame
    coupon: pl.LazyFrame
    discount: pl.LazyFrame
    subscription: pl.LazyFrame
    invoice: pl.LazyFrame
    invoice_item: pl.LazyFrame
    schedule: pl.LazyFrame
    unreadable: pl.LazyFrame

    @staticmethod
    def name_of(table: Table) -> str:
        """The field that holds the rows of a table of `schemas.OBSERVED`."""
        return table.name.removeprefix("observed_")

    def frame(self, table: Table) -> pl.LazyFrame:
        """The rows of one table of `schemas.OBSERVED`."""
        found: pl.LazyFrame = getattr(self, self.name_of(table))
        return found


def decode(raw: pl.LazyFrame) -> Evidence:
    """Every record of `raw` (RAW_RECORD) that says something about billing, in columns.

    Row by row: decoding two sets of records and putting the results together is decoding both together; but for prices
    that only items show, of which one record is enough.

    A record with a field of another JSON type than Stripe's API describes, or without one that figures rest on, is set
    aside (OBSERVED_UNREADABLE).
    """
    # The streaming engine may hang after an error in one of its threads, and one here is an everyday thing.
    with pl.Config(engine_affinity="in-memory"):
        accounts = raw.select("source_account").unique().collect().to_series().sort().to_list()
        if not any(accounts):
            return _of_account(raw)
        parts = [
            own(_of_account(raw.filter(pl.col("source_account") == each)), each)
            for each in accounts
        ]
        frames = (pl.concat([part.frame(table) for part in parts]) for table in schemas.OBSERVED)
        return Evidence(*frames)


def _of_account(raw: pl.LazyFrame) -> Evidence:
    """The evidence of one Stripe account, its ids as they came."""
    made = partial(_decoded, p.option_currencies(raw))
    others = []
    try:
        found = None if raw.select(odd_type().any()).collect().item() else made(raw)
    except pl.exceptions.PolarsError:
        found = None
    if found is None:
        raw, unreadable = set_aside(raw, made)
        others, found = [unreadable], made(raw)
    little = lacking(found.frame)
    if little is not None:
        others.append(named(raw.filter(little), TOO_LITTLE))
        found = made(raw.filter(little.not_()))
    return replace(found, unreadable=pl.concat([found.unreadable, *others]))


def _decoded(currencies: Sequence[str], raw: pl.LazyFrame) -> Evidence:
    made = (
        catalogue.customers(raw),
        catalogue.products(raw),
        pricing.prices(raw, currencies),
        pricing.edits(raw),
        catalogue.coupons(raw, currencies),
        catalogue.discounts(raw),
        subscriptions(raw),
        bills.invoices(raw),
        bills.invoice_items(raw),
        schedules(raw),
        schemas.OBSERVED_UNREADABLE.empty().lazy(),
    )
    conformed = [table.conform(frame) for table, frame in zip(schemas.OBSERVED, made, strict=True)]
    found = Evidence(*(frame.lazy() for frame in pl.collect_all(conformed)))
    shown = pricing.inline(raw, found.subscription, found.price)
    priced = pl.concat([found.price, schemas.OBSERVED_PRICE.conform(shown)]).collect().lazy()
    named = pricing.billed(found.invoice, found.invoice_item, priced)
    every = pl.concat([priced, named], how="diagonal").collect().lazy()
    return replace(found, price=every)
