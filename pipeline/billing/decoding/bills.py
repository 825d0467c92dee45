"""Decoding of invoices with their lines, of the events that tell an invoice's end, and of invoice items."""

import polars as pl

from pipeline.billing.decoding import payload as p
from pipeline.billing.decoding import tax_rates

INVOICE_ENDS = ("invoice.deleted", "invoice.marked_uncollectible", "invoice.voided")
"""The events after which an invoice counts otherwise, or is not listed again.

Invoices that are open and paid count alike, and what was listed as a draft stays unproved whatever became of it: the
many other events of invoices would say nothing more.
"""


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
        own_discounts=first(("discounts",)),
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
        tax_rates=tax_rates.rates(p.field("default_tax_rates")),
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
