"""Folding: decoded evidence becomes dimensions, item timelines and usage charges.

Belongs here: what is folded together. A customer's items depend on the customer's own records, on the dimensions they
refer to, and on the coverage of events, so customers are folded in groups, each small enough for memory. The result is
that of folding everything at once. Does not belong here: what was folded before (`nights`).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import polars as pl

from pipeline import schemas
from pipeline.billing import dimensions, discounts, invoices, prices, schedules, taxes, timeline
from pipeline.billing.coverage import spans
from pipeline.billing.decoding import Evidence
from pipeline.billing.ids import numbered
from pipeline.billing.unreadable import doubted, uncounted

TOGETHER = 120_000
"""Rows of evidence that are folded together; more need more memory, fewer more time."""
READ = 4
"""Groups that are read together: rows are stored by the thousands, so reading fewer would read most of them again."""
AHEAD = 2
"""Groups for each thread that wait to be folded: enough for as long as the next ones are read."""
OWN = ("subscription", "invoice", "invoice_item")
"""The evidence that belongs to one customer."""
DIMENSIONS = (
    schemas.CUSTOMER,
    schemas.PRODUCT,
    schemas.PRICE,
    schemas.COUPON,
    schemas.DISCOUNT,
    schemas.SUBSCRIPTION_PHASE,
)
FOLDED = (schemas.ITEM_TIMELINE, schemas.USAGE_CHARGE)


@dataclass(frozen=True, slots=True)
class Folded:
    """What the evidence of some customers says; each frame has the schema of the table of its name."""

    item_timeline: pl.DataFrame
    usage_charge: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Shared:
    """What the evidence of all customers says together, and any customer's items may refer to."""

    dimensions: dict[str, pl.DataFrame]
    """By the name of their table, sorted by key."""
    tax_rates: pl.DataFrame
    """As `taxes.tax_rates`."""


def what_is_shared(evidence: Evidence, coverage: pl.LazyFrame) -> Shared:
    """The dimensions and tax rates that all evidence together says."""
    covered = spans(coverage).collect().lazy()
    made = (
        dimensions.customers(evidence),
        dimensions.products(evidence),
        prices.prices(evidence.price, evidence.price_edit, coverage, covered),
        dimensions.coupons(evidence),
        dimensions.discounts(evidence, covered),
        schedules.phases(evidence.schedule),
    )
    ordered = [frame.sort(table.key) for table, frame in zip(DIMENSIONS, made, strict=True)]
    *found, rates = pl.collect_all([*ordered, tax_rates(evidence)])
    return Shared(
        {table.name: frame for table, frame in zip(DIMENSIONS, found, strict=True)}, rates
    )


def tax_rates(evidence: Evidence) -> pl.LazyFrame:
    """`taxes.tax_rates` in the order of their ids."""
    return taxes.tax_rates(evidence.subscription, evidence.invoice).sort("tax_rate_id")


def of_customers(evidence: Evidence, whose: pl.Expr) -> Evidence:
    """The evidence of some customers."""
    return replace(evidence, **{name: getattr(evidence, name).filter(whose) for name in OWN})


def groups(evidence: Evidence, together: int) -> Iterator[Evidence]:
    """The evidence in groups of whole customers, of about so many rows each; what names no customer is in the first."""
    found = ranges(evidence, together)
    if len(found) == 1:
        yield evidence
        return
    yield from (of_customers(evidence, whose) for whose in found)


def ranges(evidence: Evidence, together: int) -> list[pl.Expr]:
    """Ranges of `customer_id`, so that the customers of each have about so many rows of evidence.

    Every id is in one of them, also that of a customer without evidence; rows without a customer are in the first.
    """
    counted = (
        pl.concat([getattr(evidence, name).select("customer_id") for name in OWN])
        .drop_nulls()
        .group_by("customer_id")
        .len()
        .sort("customer_id")
        .with_columns(group=pl.col("len").cum_sum() // together)
        .group_by("group")
        .agg(pl.col("customer_id").max())
        .sort("group")
        .collect()
    )
    customer = pl.col("customer_id")
    ends = counted.get_column("customer_id").to_list()[:-1]
    if not ends:
        return [pl.lit(value=True)]
    return [
        customer.is_null() | (customer <= ends[0]),
        *((customer > start) & (customer <= end) for start, end in pairwise(ends)),
        customer > ends[-1],
    ]


def in_groups(evidence: Evidence, coverage: pl.LazyFrame, shared: Shared, together: int) -> Folded:
    """What all of the evidence says, folded in groups of customers, one more at a time than Polars has threads.

    A group is small and its queries are many: the in-memory engine takes 40% less time than the streaming one.
    """
    parts: list[Folded] = []
    # Every customer's tax rates are in `shared`.
    own = {name: getattr(evidence, name).drop("tax_rates", strict=False) for name in OWN}
    evidence = replace(evidence, **own)
    with (
        pl.Config(engine_affinity="in-memory"),
        ThreadPoolExecutor(pl.thread_pool_size() + 1) as pool,
    ):
        begun: deque[Future[Folded]] = deque()
        for several in groups(evidence, READ * together):
            # Read while those before are folded, but no further ahead: memory is bounded.
            read = {name: getattr(several, name).collect().rechunk().lazy() for name in OWN}
            for each in groups(replace(several, **read), together):
                begun.append(pool.submit(folded, each, coverage, shared))
                if len(begun) > AHEAD * pl.thread_pool_size():
                    parts.append(begun.popleft().result())
        parts += [each.result() for each in begun]
    return put_together(parts)


def folded(evidence: Evidence, coverage: pl.LazyFrame, shared: Shared) -> Folded:
    """What the evidence says of its customers, all at once."""
    price, coupon, refs = (
        shared.dimensions[table.name].lazy()
        for table in (schemas.PRICE, schemas.COUPON, schemas.DISCOUNT)
    )
    mine = pl.concat([getattr(evidence, name).select("customer_id") for name in OWN]).unique()
    whose = pl.col("customer_id")
    refs = refs.filter(whose.is_null() | whose.is_in(mine.collect().to_series().implode()))
    refs = discounts.by_list(refs, evidence.subscription)
    unreadable = evidence.unreadable
    evidence, coverage, refs = numbered(evidence, coverage, refs.collect().lazy())
    invoice_items = invoices.invoice_items(evidence.invoice_item).collect().lazy()
    lines = taxes.with_rates(
        invoices.lines(
            evidence.invoice,
            invoice_items,
            discounts.whole_discounts(refs, coupon),
            discounts.sizes(refs, coupon),
        ),
        shared.tax_rates.lazy(),
    )
    lines = lines.collect().lazy()
    items = timeline.item_timeline(
        evidence.subscription, coverage, lines, invoice_items, price, refs, coupon
    )
    usage = invoices.usage_charges(lines, price, refs, coupon)
    told, charged = pl.collect_all([items, usage])
    return Folded(doubted(uncounted(told, price), unreadable), doubted(charged, unreadable))


def put_together(parts: Sequence[Folded]) -> Folded:
    """What is folded of several groups of customers, sorted by key."""
    return Folded(
        *(
            pl.concat([getattr(part, table.name) for part in parts]).sort(table.key)
            for table in FOLDED
        )
    )
