"""What invoices say: prices and quantities of past service periods, discounts that reduced them, usage charges.

Belongs here: evidence of the third kind (docs/method.md, "Evidence"). Void invoices prove no state of an item,
but tell what discounts were in force. What a draft says may change until it is finalised.
"""

import polars as pl

from pipeline import schemas
from pipeline.billing.chosen import latest
from pipeline.billing.cycles import with_cycles
from pipeline.billing.discounts import period_discounts, with_references, without_coupon
from pipeline.billing.evidence import worst
from pipeline.billing.price_versions import version_at
from pipeline.billing.taxes import SHARE, computed, share_of

LIFE = pl.Enum(["draft", "open", "uncollectible", "paid", "void", "deleted"])
"""An invoice's statuses: it only ever takes a later one, so the latest that any record tells is the newest."""
KEY = ["source_account", "invoice_id"]
LINE = [*KEY, "line_id"]
OWN = "own_discounts"
NAMED = ("invoice_discounts", OWN)
"""The discounts that stand above the lines of an invoice, and on a line."""
HALF_IN_MILLIONTHS = 500_000
"""Half a minor unit: what a discount takes off up to there may be rounded to nothing."""
FEW = 100
"""Minor units: of more than these every percentage that anybody gives shows."""


def lines(
    invoices: pl.LazyFrame, items: pl.LazyFrame, whole: pl.LazyFrame, sizes: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per line of the newest listing of each invoice that is about a subscription item.

    An event tells the status alone. The lines of a draft may change until it is finalised (`settled`); a deleted draft
    has none.

    Args:
        invoices: OBSERVED_INVOICE rows.
        items: `invoice_items` of the same evidence.
        whole: `discounts.whole_discounts`.
        sizes: `discounts.sizes`.

    Columns: invoice_id, invoice_status, settled, threshold (it bills usage within a period), invoiced_at, customer_id,
    source_account, currency, line_id, amount (minor units before discounts), quantity, period_start, period_end,
    price_id, subscription_item_id, subscription_id, invoice_item_id, proration, line_discounts (discount ids in order:
    the `whole` ones of the invoice, since a share of less than half a minor unit leaves no trace on the line, then the
    line's, and of those that stand on it the `whole` ones whose share is as small), named (whether all discounts that
    the invoice names are `whole`; null: it names none), faint (one that is not may have reduced the line by less than
    half a minor unit), reduced, included, line_tax_rates.
    """
    above, own = (pl.col(name).list.len().fill_null(0) > 0 for name in NAMED)
    named = items.select("invoice_item_id", item_item="subscription_item_id")
    event = pl.col("lines").is_null()
    life = pl.col("invoice_status").cast(LIFE, strict=False)
    ended = invoices.filter(event).group_by(KEY).agg(ended=life.max())
    later = (pl.col("ended") > life).fill_null(pl.col("ended").is_not_null())
    every = (
        latest(invoices.filter(event.not_()), *KEY)
        .join(ended, on=KEY, how="left")
        .with_columns(
            invoice_status=pl.when(later)
            .then(pl.col("ended").cast(pl.String))
            .otherwise("invoice_status"),
            settled=pl.col("invoice_status") != "draft",
            threshold=pl.col("billing_reason").eq_missing("subscription_threshold"),
        )
        .filter(pl.col("invoice_status").ne_missing("deleted"))
        .drop("observed_at", "hash", "billing_reason", "ended")
        .explode("lines", empty_as_null=False, keep_nulls=False)
        .unnest("lines")
        .join(named, on="invoice_item_id", how="left")
        .with_columns(subscription_item_id=pl.coalesce("line_item", "item_item"))
        .drop("line_item", "item_item")
        .filter(pl.col("subscription_item_id").is_not_null())
        .collect()
        .lazy()
    )
    # Most lines name none, and lists are slow to put together.
    silent = every.filter((above | own).not_()).with_columns(
        named=pl.lit(None, dtype=pl.Boolean), faint=pl.lit(value=False)
    )
    naming = every.filter(above | own).collect().lazy()
    of_invoice = (
        naming.select(*LINE, discount_id="invoice_discounts")
        .explode("discount_id", empty_as_null=False, keep_nulls=False)
        .join(whole, on="discount_id", how="semi", maintain_order="left")
        .group_by(LINE, maintain_order=True)
        .agg(above="discount_id")
    )
    untraced = _untraced(naming, invoices, sizes).collect().lazy()
    of_line = (
        untraced.filter("own")
        .join(whole, on="discount_id", how="semi", maintain_order="left")
        .group_by(LINE, maintain_order=True)
        .agg(beside="discount_id")
    )
    faint = untraced.join(whole, on="discount_id", how="anti").select(LINE).unique()
    ids = [pl.col(each).fill_null([]) for each in ("above", "line_discounts", "beside")]
    naming = (
        naming.join(of_invoice, on=LINE, how="left")
        .join(of_line, on=LINE, how="left")
        .join(faint.with_columns(faint=pl.lit(value=True)), on=LINE, how="left")
        .with_columns(
            named=pl.when(above).then(
                pl.col("above").list.len().fill_null(0) == pl.col("invoice_discounts").list.len()
            ),
            line_discounts=pl.concat_list(ids).list.unique(maintain_order=True),
            faint=pl.col("faint").fill_null(value=False),
        )
        .drop("above", "beside")
    )
    return pl.concat([silent, naming]).drop(NAMED)


def _untraced(naming: pl.LazyFrame, invoices: pl.LazyFrame, sizes: pl.LazyFrame) -> pl.LazyFrame:
    """Discounts named by a line (`own`) or its invoice that may have taken off it what does not show.

    Of a percentage the line has its own share; an amount is shared by what the lines cost: those of the invoice, or of
    the item whose own it is.
    """
    costs = pl.col("lines").list.eval(pl.element().struct.field("reduced").clip(lower_bound=0))
    theirs = invoices.join(naming.select(KEY).unique(), on=KEY, how="semi")
    totals = theirs.group_by(KEY).agg(total=costs.list.sum().max())
    left = pl.col("reduced")
    small_part = left * 2 * pl.col("amount_off").fill_null(1) <= pl.col("total")
    unseen = (
        pl.when(pl.col("percent_ppm").is_not_null())
        .then(left * pl.col("percent_ppm") <= HALF_IN_MILLIONTHS)
        .when(pl.col("amount_off").is_not_null())
        .then(small_part)
        .otherwise(small_part | (left <= FEW))
    )
    of_item = left.clip(lower_bound=0).sum().over([*KEY, "subscription_item_id"])
    named = [
        naming.select(
            *LINE,
            "reduced",
            "line_discounts",
            discount_id=name,
            own=pl.lit(value=name == OWN),
            of_item=of_item,
        ).explode("discount_id", empty_as_null=False, keep_nulls=False)
        for name in NAMED
    ]
    taken = pl.col("line_discounts").list.contains(pl.col("discount_id")).fill_null(value=False)
    return (
        pl.concat(named)
        # What a line with nothing left may hide is asked of the discounts in force.
        .filter(taken.not_(), pl.col("own").not_() | (left > 0))
        .join(sizes, on="discount_id", how="left", maintain_order="left")
        .join(totals, on=KEY, how="left", maintain_order="left")
        .with_columns(total=pl.when("own").then("of_item").otherwise("total"))
        .filter(unseen.fill_null(value=True))
        .select(*LINE, "discount_id", "own")
    )


def valid(items: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """`invoice_items` without those of void invoices: a change that was never paid for did not happen."""
    void = lines.filter(pl.col("invoice_status") == "void").select(
        "source_account", "invoice_item_id"
    )
    return items.join(void, on=["source_account", "invoice_item_id"], how="anti")


def invoice_items(observed: pl.LazyFrame) -> pl.LazyFrame:
    """One row per proration invoice item, pending ones too: what changed when (`changed_at` = its `date`).

    Args:
        observed: OBSERVED_INVOICE_ITEM rows.
    """
    newest = latest(observed, "source_account", "invoice_item_id")
    return newest.filter("proration").drop("observed_at", "hash", "proration")


def as_states(lines: pl.LazyFrame, prices: pl.LazyFrame) -> pl.LazyFrame:
    """`lines` read as states of their items.

    The quantity of a metered line is what was used, no state: null. A line that asks nothing for units that have a
    price was on trial (`tried`); a discount would leave its amount and take it off beside.
    """
    key = ["price_id", "currency", "price_version"]
    known = prices.select(*key, "usage_type", "unit")
    metered = pl.col("usage_type").eq_missing("metered")
    asked_nothing = (pl.col("amount") == 0) & (pl.col("quantity") > 0) & (pl.col("unit") > 0)
    return (
        version_at(lines, prices, "invoiced_at")
        .join(known, on=key, how="left")
        .with_columns(
            metered=metered,
            tried=asked_nothing.fill_null(value=False) & metered.not_(),
            quantity=pl.when(metered.not_()).then("quantity"),
        )
        .drop("usage_type", "unit", "price_version")
    )


def usage_charges(
    lines: pl.LazyFrame, prices: pl.LazyFrame, refs: pl.LazyFrame, coupons: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per metered item and service period that was invoiced (USAGE_CHARGE); void invoices charge nothing.

    A price that nobody describes any more may be metered: where the item is, its charges count, `inferred`. Nothing
    billed for no time at all is no service period; an amount for no time is `inferred`.
    """
    licensed = prices.filter(pl.col("usage_type") != "metered").select("price_id").unique()
    described = prices.select("price_id").unique().with_columns(described=pl.lit(value=True))
    charged = with_cycles(
        lines.filter((pl.col("invoice_status") != "void") & pl.col("proration").not_())
        .join(licensed, on="price_id", how="anti")
        .join(described, on="price_id", how="left"),
        prices,
    )
    charged = charged.collect().lazy()
    key = ["subscription_item_id", "period_start", "period_end"]
    no_time = pl.col("period_start") >= pl.col("period_end")
    final = (
        pl.col("settled").all()
        & pl.col("pieces").any().not_()
        & pl.col("described").is_not_null().all()
        & no_time.any().not_()
    )
    # What was billed for no time at all has the start of another period.
    found = with_references(period_discounts(charged, key).drop("product_id", "settled"), refs, key)
    found = found.collect().lazy()
    return schemas.USAGE_CHARGE.conform(
        charged.sort(*key, "invoiced_at", "line_id")
        .group_by(key, maintain_order=True)
        .agg(
            pl.col("customer_id", "currency", "price_id", "invoice_id").last(),
            pl.col("amount").sum(),
            *share_of(computed(), pl.col("reduced"), pl.col("included")),
            evidence=pl.when(final).then(pl.lit("exact")).otherwise(pl.lit("inferred")),
        )
        .filter((no_time & (pl.col("amount") == 0)).not_())
        .join(found.drop("currency"), on=key, how="left")
        .join(without_coupon(found, coupons, key), on=key, how="left")
        .with_columns(
            pl.col("discounts").fill_null([]),
            pl.col(SHARE).fill_null(1),
            evidence=worst(
                pl.col("evidence"),
                pl.when("unknown_coupon").then(pl.lit("inferred")),
                pl.when("tied").then(pl.lit("bounded")),
            ),
        )
    )
