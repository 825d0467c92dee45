"""Decoding: raw records of Stripe become evidence in columns (`pipeline.schemas.observed`), each payload read once.

Belongs here: subscriptions, invoices and invoice items; `pricing` has prices, `catalogue` the rest. Does not
belong here: what a field means, or which of two records counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from pipeline import schemas
from pipeline.billing import catalogue, pricing
from pipeline.billing import payload as p
from pipeline.billing.accounts import own
from pipeline.billing.lacking import lacking
from pipeline.billing.unreadable import TOO_LITTLE, named, odd_type, set_aside
from pipeline.schemas import Table
from pipeline.schemas.observed import TAX_RATE

PERCENT = 10_000
"""Millionths in one percent."""

EVENT_ITEMS = 10
"""An event lists at most so many items; where previous attributes do not say whether there were more, ten may be."""


DISCOUNTS_SINCE = "2025-03-31.basil"
"""From this version on items surely have a list of discounts; they got it in the year before."""

INVOICE_ENDS = ("invoice.deleted", "invoice.marked_uncollectible", "invoice.voided")
"""The events after which an invoice counts otherwise, or is not listed again.

Invoices that are open and paid count alike, and what was listed as a draft stays unproved whatever became of it: the
many other events of invoices would say nothing more.
"""


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
        invoices(raw),
        invoice_items(raw),
        schemas.OBSERVED_UNREADABLE.empty().lazy(),
    )
    conformed = [table.conform(frame) for table, frame in zip(schemas.OBSERVED, made, strict=True)]
    found = Evidence(*(frame.lazy() for frame in pl.collect_all(conformed)))
    shown = pricing.inline(raw, found.subscription, found.price)
    priced = pl.concat([found.price, schemas.OBSERVED_PRICE.conform(shown)]).collect().lazy()
    named = pricing.billed(found.invoice, found.invoice_item, priced)
    every = pl.concat([priced, named], how="diagonal").collect().lazy()
    return replace(found, price=every)


def _fields(rows: pl.LazyFrame, get: Callable[..., pl.Expr]) -> pl.LazyFrame:
    """The columns of a subscription's state, each read by `get(*path)`."""
    return rows.with_columns(
        customer_id=get("customer"),
        currency=get("currency"),
        status=get("status"),
        created_at=p.instant(get("created")),
        ended_at=p.instant(get("ended_at")),
        cancel_requested_at=p.instant(get("canceled_at")),
        cancel_at=p.instant(get("cancel_at")),
        cancel_reason=get("cancellation_details", "reason"),
        trial_start=p.instant(get("trial_start")),
        trial_end=p.instant(get("trial_end")),
        collection_paused=get("pause_collection").is_not_null(),
        subscription_discounts=pl.when(
            _tells_discounts().not_() | get("discounts").is_not_null()
        ).then(pl.coalesce(get("discounts"), _one(get("discount", "id")))),
        subscription_period=p.instant(get("current_period_start")),
        items=pl.when(_tells_discounts().not_() | _all_told(get("items", "data"))).then(
            _items(get("items", "data"))
        ),
        default_tax_ppm=_inclusive(get("default_tax_rates")),
        automatic_tax=get("automatic_tax", "enabled"),
        tax_rates=_rates(
            get("default_tax_rates"),
            get("items", "data").list.eval(
                pl.element()
                .struct.field("tax_rates")
                .explode(empty_as_null=False, keep_nulls=False)
            ),
        ),
        more=get("items", "has_more")
        .fill_null(get("items", "data").list.len() >= EVENT_ITEMS)
        .fill_null(value=False),
    )


def _tells_discounts() -> pl.Expr:
    """Whether a record has a version in which a subscription and its items list their discounts, if only none."""
    new = (pl.col("api_version") >= DISCOUNTS_SINCE).fill_null(value=False)
    return (pl.col("stream") != "event") | new


def _all_told(items: pl.Expr) -> pl.Expr:
    """Whether every item lists its discounts."""
    told = pl.element().struct.field("discounts").is_not_null()
    return items.list.eval(told).list.all()


def _one(value: pl.Expr) -> pl.Expr:
    """A list of the value; empty where it is null."""
    return (
        pl.when(value.is_null())
        .then(pl.lit([], dtype=pl.List(pl.String)))
        .otherwise(pl.concat_list(value))
    )


def _ppm(rate: pl.Expr) -> pl.Expr:
    """The percentage of a tax rate in millionths; zero where it comes on top of the price, null if untold."""
    inclusive = rate.struct.field("inclusive")
    included = pl.when(inclusive).then(rate.struct.field("percentage"))
    return pl.when(inclusive.not_()).then(0).otherwise((included * PERCENT).round()).cast(pl.Int64)


def _inclusive(rates: pl.Expr) -> pl.Expr:
    """The sum of the inclusive tax rates; null where there are no rates."""
    return pl.when(rates.list.len() > 0).then(rates.list.eval(_ppm(pl.element())).list.sum())


def _rates(*lists: pl.Expr) -> pl.Expr:
    """Several lists of tax rates as one, each with its inclusive percentage."""
    rate = pl.element()
    shown = pl.struct(tax_rate_id=rate.struct.field("id"), ppm=_ppm(rate))
    none = pl.lit([], dtype=pl.List(TAX_RATE))
    return pl.concat_list(each.list.eval(shown).fill_null(none) for each in lists)


def _items(items: pl.Expr) -> pl.Expr:
    item = pl.element().struct
    trial = item.field("current_trial").struct
    return items.list.eval(
        pl.struct(
            id=item.field("id"),
            # Items of the oldest versions have a plan of the same id.
            price_id=pl.coalesce(
                item.field("price").struct.field("id"), item.field("plan").struct.field("id")
            ),
            quantity=item.field("quantity"),
            discounts=item.field("discounts"),
            period_start=p.instant(item.field("current_period_start")),
            created=p.instant(item.field("created")),
            trial_start=p.instant(trial.field("start_date")),
            trial_end=p.instant(trial.field("end_date")),
            tax_ppm=_inclusive(item.field("tax_rates")),
        )
    )


def _events(raw: pl.LazyFrame) -> pl.LazyFrame:
    return p.events(raw, "customer.subscription.", p.EVENT_SUBSCRIPTION).with_columns(
        subscription_id=p.field("data", "object", "id"),
        kind=p.field("type").str.strip_prefix("customer.subscription."),
        at=pl.col("created"),
        proof=pl.col("id"),
        changed=pl.col("previous_keys").list.len().fill_null(0) > 0,
    )


def _after(events: pl.LazyFrame) -> pl.LazyFrame:
    return _fields(events, lambda *path: p.field("data", "object", *path)).with_columns(
        side=pl.lit("after"), checked=pl.lit(value=True)
    )


def _before(events: pl.LazyFrame) -> pl.LazyFrame:
    """The state before: `object` with `previous_attributes` laid over it."""

    def read(*path: str) -> pl.Expr:
        before = p.field("data", "previous_attributes", *path)
        after = p.field("data", "object", *path)
        if path[0] == "items":
            # Of the list, too, only what changed: its data, or whether there are more.
            before = pl.coalesce(before, after)
        changed = pl.col("previous_keys").list.contains(path[0])
        return pl.when(changed).then(before).otherwise(after)

    keys = pl.col("previous_keys").list
    singular = keys.contains("discount") & keys.contains("discounts").not_()
    known = pl.col("changed") | pl.col("kind").is_in(
        ["created", "trial_will_end", "pending_update_applied", "pending_update_expired"]
    )
    return (
        _fields(events, read)
        .with_columns(side=pl.lit("before"), checked=known)
        .with_columns(  # before basil a change of the one discount may come without the list
            subscription_discounts=pl.when(singular.fill_null(value=False))
            .then(_one(p.field("data", "previous_attributes", "discount", "id")))
            .otherwise("subscription_discounts")
        )
        .with_columns(  # of a nested object only what changed is among the previous attributes
            automatic_tax=pl.col("automatic_tax").fill_null(
                p.field("data", "object", "automatic_tax", "enabled")
            )
        )
        .with_columns(  # nothing existed before its creation
            items=pl.when(pl.col("kind") == "created").then(None).otherwise(pl.col("items")),
            status=pl.when(pl.col("kind") == "created").then(None).otherwise(pl.col("status")),
        )
    )


def subscriptions(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Both sides of every event, and every listing (OBSERVED_SUBSCRIPTION)."""
    events = _events(raw).collect().lazy()
    listed = p.decoded(p.stream(raw, "subscription"), p.SUBSCRIPTION).with_columns(
        subscription_id="id",
        kind=pl.lit("listing"),
        at="observed_at",
        proof="sync_id",
        side=pl.lit("both"),
        checked=pl.lit(value=True),
    )
    sides = (_before(events), _after(events), _fields(listed, p.field))
    return pl.concat([schemas.OBSERVED_SUBSCRIPTION.conform(side) for side in sides])


def invoices(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Every listing of an invoice with its lines, and the events that tell its end (OBSERVED_INVOICE)."""
    return pl.concat([_listed_invoices(raw), _told_invoices(raw)], how="diagonal")


def _told_invoices(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Events of invoices: nights list those of the last weeks only, and an older one may still become void."""
    deleted = p.field("type") == "invoice.deleted"
    return p.events_of(raw, INVOICE_ENDS, p.EVENT_INVOICE).select(
        "source_account",
        "observed_at",
        "hash",
        invoice_id=p.field("data", "object", "id"),
        customer_id=p.field("data", "object", "customer"),
        # The object of a deletion is the draft that it was.
        invoice_status=pl.when(deleted)
        .then(pl.lit("deleted"))
        .otherwise(p.field("data", "object", "status")),
    )


def _listed_invoices(raw: pl.LazyFrame) -> pl.LazyFrame:
    item, details = "subscription_item_details", "invoice_item_details"

    def first(*paths: tuple[str, ...]) -> pl.Expr:
        """The first of several fields of a line that is there."""
        return pl.coalesce([p.inside(pl.element(), *path) for path in paths])

    tax = pl.element().struct
    inclusive = tax.field("tax_behavior") == "inclusive"
    included = pl.when(inclusive).then(tax.field("amount"))
    said = (
        tax.field("tax_behavior").is_in(["inclusive", "exclusive"])
        & tax.field("amount").is_not_null()
    )
    told = first(("taxes",)).list.eval(said.fill_null(value=False)).list.all().fill_null(value=True)
    taken_off = pl.all_horizontal(tax.field(each).is_not_null() for each in ("amount", "discount"))
    by_rate = pl.when(inclusive).then(
        tax.field("tax_rate_details").struct.field("tax_rate").fill_null("")
    )
    line = pl.struct(
        line_id=first(("id",)),
        amount=first(("subtotal",), ("amount",)),
        quantity=first(("quantity",)),
        period_start=p.instant(first(("period", "start"))),
        period_end=p.instant(first(("period", "end"))),
        price_id=first(("pricing", "price_details", "price")),
        product_id=first(("pricing", "price_details", "product")),
        line_item=first(("parent", item, "subscription_item")),
        subscription_id=first(
            ("parent", item, "subscription"), ("parent", details, "subscription")
        ),
        invoice_item_id=first(
            ("parent", item, "invoice_item"), ("parent", details, "invoice_item")
        ),
        # A line of neither is no proration; one that does not say so, or has lost its details, is lacking.
        proration=pl.when(
            pl.all_horizontal(first(("parent", each)).is_null() for each in (item, details)),
            first(("parent", "type")).is_in([item, details]).fill_null(value=False).not_(),
        )
        .then(pl.lit(value=False))
        .otherwise(first(("parent", item, "proration"), ("parent", details, "proration"))),
        line_discounts=first(("discount_amounts",)).list.eval(
            pl.element().struct.field("discount")
        ),
        # What a discount took off, or which one did, must be told; a line without discounts is not reduced.
        reduced=pl.when(
            first(("discount_amounts",)).list.eval(taken_off).list.all().fill_null(value=True)
        ).then(
            first(("subtotal",), ("amount",))
            - first(("discount_amounts",))
            .list.eval(pl.element().struct.field("amount"))
            .list.sum()
            .fill_null(0)
        ),
        included=pl.when(told).then(first(("taxes",)).list.eval(included).list.sum().fill_null(0)),
        line_tax_rates=first(("taxes",))
        .list.eval(by_rate.drop_nulls())
        .fill_null(pl.lit([], dtype=pl.List(pl.String))),
    )
    return p.decoded(p.stream(raw, "invoice"), p.INVOICE).select(
        "source_account",
        "observed_at",
        "hash",
        invoice_id="id",
        customer_id=p.field("customer"),
        invoice_status=p.field("status"),
        billing_reason=p.field("billing_reason"),
        invoiced_at=p.instant(p.field("created")),
        currency=p.field("currency"),
        lines=p.field("lines", "data").list.eval(line),
        invoice_discounts=p.field("discounts"),
        tax_rates=_rates(p.field("default_tax_rates")),
    )


def invoice_items(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Every record of an invoice item (OBSERVED_INVOICE_ITEM)."""
    return p.decoded(p.stream(raw, "invoiceitem"), p.INVOICE_ITEM).select(
        "source_account",
        "observed_at",
        "hash",
        invoice_item_id="id",
        customer_id=p.field("customer"),
        currency=p.field("currency"),
        proration=p.field("proration"),
        changed_at=p.instant(p.field("date")),
        amount=p.field("amount"),
        quantity=p.field("quantity"),
        price_id=p.field("pricing", "price_details", "price"),
        period_end=p.instant(p.field("period", "end")),
        subscription_id=p.field("parent", "subscription_details", "subscription"),
        subscription_item_id=p.field("parent", "subscription_details", "subscription_item"),
    )
