"""Records: what an id that proves something is, where it stands, and when it was recorded.

Belongs here: looking ids up in the raw store, and the invoice of a service period.
"""

from collections.abc import Sequence

import polars as pl

from pipeline import billing
from pipeline.billing import discounts, invoices
from pipeline.billing.decoding import payload as p
from pipeline.explain.steps import ITEM

RECORD = {
    "proof": pl.String,
    "kind": pl.String,
    "what": pl.String,
    "within": pl.String,
    "recorded_at": pl.Datetime("us", "UTC"),
}


def of_customers(raw: pl.LazyFrame, customers: Sequence[str]) -> pl.LazyFrame:
    """The invoices and invoice items of these customers, and the events of their invoices."""
    if not customers:
        return raw.clear()
    told = pl.col("payload").str.contains('"type":"invoice.', literal=True)
    return raw.filter(
        pl.col("stream").is_in(["invoice", "invoiceitem"]) | ((pl.col("stream") == "event") & told),
        pl.col("payload").str.contains_any(list(customers)),
    )


def records(
    raw: pl.LazyFrame, coverage: pl.LazyFrame, lines: pl.DataFrame, proofs: pl.DataFrame
) -> pl.DataFrame:
    """What each id is: one row per (proof, subscription_id) of `proofs` that is found.

    Columns: RECORD and subscription_id. `kind` is event, listing, invoice_line, invoice_item, invoice or discount;
    `what` an event's type; `within` the invoice of a line, the subscription that a listing showed.

    Args:
        raw: RAW_RECORD of Stripe.
        coverage: COVERAGE; a sync that listed a subscription and found it unchanged stored no record of it.
        lines: `invoices.lines` of the customers in question.
        proofs: proof, subscription_id.
    """
    ids = proofs.get_column("proof").drop_nulls().unique().to_list()
    subscriptions = proofs.get_column("subscription_id").drop_nulls().unique().to_list()
    nothing = pl.lit(None, dtype=pl.String)
    named = raw.filter(pl.col("id").is_in(ids))
    events = p.stream(named, "event").select(
        proof="id",
        kind=pl.lit("event"),
        what=pl.col("payload").str.json_path_match("$.type"),
        within=nothing,
        recorded_at="created",
        subscription_id=nothing,
    )
    listed = p.stream(raw, "subscription").filter(
        pl.col("sync_id").is_in(ids), pl.col("id").is_in(subscriptions)
    )
    listings = listed.select(
        proof="sync_id",
        kind=pl.lit("listing"),
        what=nothing,
        within="id",
        recorded_at="observed_at",
        subscription_id="id",
    )
    billed_in = (
        lines.lazy().select(id="invoice_item_id", within="invoice_id").drop_nulls().unique("id")
    )
    prorations = (
        p.stream(named, "invoiceitem")
        .join(billed_in, on="id", how="left")
        .select(
            proof="id",
            kind=pl.lit("invoice_item"),
            what=nothing,
            within="within",
            recorded_at=p.instant(pl.col("payload").str.json_path_match("$.date").cast(pl.Int64)),
            subscription_id=nothing,
        )
    )
    discounts = p.stream(named, "discount").select(
        proof="id",
        kind=pl.lit("discount"),
        what=nothing,
        within=nothing,
        recorded_at="observed_at",
        subscription_id=nothing,
    )
    billed = (
        lines.lazy()
        .filter(pl.col("line_id").is_in(ids))
        .select(
            proof="line_id",
            kind=pl.lit("invoice_line"),
            what=nothing,
            within="invoice_id",
            recorded_at="invoiced_at",
            subscription_id=nothing,
        )
    )
    whole = (
        lines.lazy()
        .filter(pl.col("invoice_id").is_in(ids))
        .select(
            proof="invoice_id",
            kind=pl.lit("invoice"),
            what=nothing,
            within=nothing,
            recorded_at="invoiced_at",
            subscription_id=nothing,
        )
    )
    unchanged = coverage.filter(pl.col("sync_id").is_in(ids)).select(
        proof="sync_id",
        kind=pl.lit("listing"),
        what=nothing,
        within=nothing,
        recorded_at="covered_to",
        subscription_id=nothing,
    )
    found = pl.concat([events, unchanged, listings, prorations, discounts, billed, whole])
    return (
        found.sort("recorded_at")
        .group_by("proof", "subscription_id")
        .first()
        .select(*RECORD, "subscription_id")
        .collect()
    )


def with_records(steps: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """`steps` with RECORD; an id that the raw store does not hold has no kind."""
    anywhere = found.filter(pl.col("subscription_id").is_null()).drop("subscription_id")
    listed = found.filter(pl.col("subscription_id").is_not_null())
    names = ("kind", "what", "within", "recorded_at")
    return (
        steps.join(anywhere, on="proof", how="left")
        .join(listed, on=["proof", "subscription_id"], how="left", suffix="_listed")
        .with_columns(pl.coalesce(f"{name}_listed", name).alias(name) for name in names)
        .with_columns(
            within=pl.when(kind="listing")
            .then(pl.coalesce("within", "subscription_id"))
            .otherwise("within")
        )
        .drop(f"{name}_listed" for name in names)
    )


def lines_of(
    raw: pl.LazyFrame, customers: Sequence[str], refs: pl.LazyFrame, coupons: pl.LazyFrame
) -> pl.DataFrame:
    """The invoice lines of these customers (`invoices.lines`), with the discounts (DISCOUNT) and coupons there are."""
    seen = billing.decode(of_customers(raw, customers).collect().lazy())
    items = invoices.invoice_items(seen.invoice_item)
    whole, sizes = (each(refs, coupons) for each in (discounts.whole_discounts, discounts.sizes))
    return invoices.lines(seen.invoice, items, whole, sizes).collect()


def period_lines(steps: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """For steps of discounts, the invoice line of the service period in which the discount changed.

    The same columns as `steps`, with the line in place of the proof; none where the period is not invoiced yet or
    where an invoice line is the proof already.
    """
    changed = steps.filter(
        pl.col("aspect") == "discount",
        pl.col("proof").is_in(lines.get_column("line_id").to_list()).not_(),
    )
    ordinary = lines.filter(pl.col("proration").not_(), pl.col("invoice_status") != "void").select(
        ITEM, "line_id", "period_start", "period_end", "invoiced_at"
    )
    return (
        changed.join(ordinary, on=ITEM)
        .filter(pl.col("period_start") <= pl.col("at"), pl.col("at") < pl.col("period_end"))
        .sort("period_start", "invoiced_at", "line_id")
        .group_by("part", ITEM, "at", maintain_order=True)
        .last()
        .with_columns(proof="line_id", at="period_start")
        .select(steps.columns)
    )
