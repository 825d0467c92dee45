"""What inclusive tax leaves of a price: by the tax rates in force, else by the item's latest invoice line.

Belongs here: the share of a price that is net of the tax inside it, as a fraction net_num / net_den, from when to when.
Source of the rule: docs/method.md, "Value of an item". Exclusive tax stands beside the price and leaves all of it.
"""

import polars as pl

from pipeline.billing.cutting import cut
from pipeline.billing.evidence import worst
from pipeline.billing.ordering import in_order

PPM = 1_000_000
ITEM = "subscription_item_id"
SHARE = ["net_num", "net_den"]


def inside(own: pl.Expr, default: pl.Expr, automatic: pl.Expr) -> pl.Expr:
    """The inclusive percentage in force, in millionths; null where Stripe computes the tax and only lines tell it.

    Args:
        own: the item's, null where it has no rates; they take the place of the subscription's.
        default: the subscription's, null where it has none.
        automatic: whether automatic tax is on.
    """
    computed = pl.when(automatic.fill_null(value=False).not_()).then(pl.lit(0, dtype=pl.Int64))
    return pl.coalesce(own, default, computed)


def _fraction(ppm: pl.Expr) -> list[pl.Expr]:
    """1 / (1 + ppm) in small numbers."""
    step = (
        pl.when(ppm == 0).then(PPM)
        .when(ppm % 10_000 == 0).then(10_000)
        .when(ppm % 100 == 0).then(100)
        .otherwise(1)
    )  # fmt: skip
    whole = pl.lit(PPM, dtype=pl.Int64)
    return [(whole // step).alias("net_num"), ((ppm + whole) // step).alias("net_den")]


def tax_rates(subscriptions: pl.LazyFrame, invoices: pl.LazyFrame) -> pl.LazyFrame:
    """The inclusive percentage of every tax rate that stands in a subscription or an invoice: tax_rate_id, ppm."""
    return (
        pl.concat([each.select("tax_rates") for each in (subscriptions, invoices)])
        .filter(pl.col("tax_rates").list.len() > 0)
        .explode("tax_rates", empty_as_null=False, keep_nulls=False)
        .unnest("tax_rates")
        .group_by("tax_rate_id")
        .agg(pl.col("ppm").first())
    )


def _known(lines: pl.LazyFrame, rates: pl.LazyFrame) -> pl.LazyFrame:
    """Lines all of whose inclusive tax is by known rates: line_id, ppm."""
    return (
        lines.filter(pl.col("line_tax_rates").list.len() > 0)
        .select("line_id", tax_rate_id="line_tax_rates")
        .explode("tax_rate_id", empty_as_null=False, keep_nulls=False)
        .join(rates, on="tax_rate_id", how="left")
        .group_by("line_id")
        .agg(ppm=pl.when(pl.col("ppm").is_not_null().all()).then(pl.col("ppm").sum()))
        .drop_nulls("ppm")
    )


def computed() -> pl.Expr:
    """The percentage of a line that nothing inside is known of but its amount: zero without tax, else null."""
    return pl.when(pl.col("line_tax_rates").list.len() == 0).then(pl.lit(0, dtype=pl.Int64))


def with_rates(lines: pl.LazyFrame, rates: pl.LazyFrame) -> pl.LazyFrame:
    """`lines` with `ppm`, the inclusive percentage of their known rates; null where Stripe computed the tax."""
    return lines.join(_known(lines, rates), on="line_id", how="left").with_columns(
        ppm=pl.coalesce("ppm", computed())
    )


def _same_rate(ppm: pl.Expr) -> pl.Expr:
    """Whether a group of lines is under one known percentage."""
    return ppm.is_not_null().all() & (ppm.n_unique() == 1)


def share_of(ppm: pl.Expr, reduced: pl.Expr, included: pl.Expr) -> list[pl.Expr]:
    """The share of a group of lines above zero: by their rates if all have the same, else net over gross; else null."""
    exact = _same_rate(ppm)
    num, den = _fraction(ppm.first())
    gross = pl.when(reduced.sum() > 0).then(reduced.sum())
    return [
        pl.when(exact).then(num).otherwise(gross - included.sum()).alias("net_num"),
        pl.when(exact).then(den).otherwise(gross).alias("net_den"),
    ]


def line_shares(lines: pl.LazyFrame) -> pl.LazyFrame:
    """What each item's lines say, from invoice to invoice: ITEM, since, until, net_num, net_den, proof, next_proof.

    One row per span in which the latest line says the same; the first goes back to the beginning. `unproved` is what no
    line proves: the time before the first one, where several invoices of one second leave open which is the latest,
    and what only drafts and void invoices say. They decide nothing where a final invoice does; one that says otherwise
    than the final one before it, or of its own second, makes the share `unproved` up to the next. Prorations tell it
    only until the item's first ordinary line.

    Args:
        lines: invoice lines (`with_rates`).
    """
    above = pl.col("reduced") > 0
    final = pl.col("settled") & (pl.col("invoice_status") != "void")
    first = pl.col("invoiced_at").filter(pl.col("proration").not_()).min().over(ITEM)
    second, said = [ITEM, "invoiced_at"], pl.struct(SHARE)
    told = (
        lines.filter(above)
        .with_columns(first=first)
        .filter(
            pl.col("proration").not_()
            | (pl.col("invoiced_at") < pl.col("first")).fill_null(value=True)
        )
        .with_columns(final=final)
        .sort(ITEM, "invoiced_at", "final", "line_id")
        .group_by(ITEM, "invoiced_at", "final", maintain_order=True)
        .agg(
            *share_of(pl.col("ppm"), pl.col("reduced"), pl.col("included")),
            proof=pl.col("line_id").first(),
            doubtful=(pl.col("invoice_id").n_unique() > 1) & _same_rate(pl.col("ppm")).not_(),
        )
        .with_columns(others=said.ne_missing(said.last().over(second)).any().over(second))
        .group_by(second, maintain_order=True)
        .last()
        .with_columns(doubtful=pl.col("doubtful") | pl.col("others"))
        .drop("others")
    )
    share = pl.struct(*SHARE, "doubtful")
    spans = (
        _decided(told)
        .with_columns(other=share.ne_missing(share.shift(1).over(ITEM)))
        .filter("other")
        .with_columns(
            until=pl.col("invoiced_at").shift(-1).over(ITEM),
            next_proof=pl.col("proof").shift(-1).over(ITEM),
            first=pl.int_range(pl.len()).over(ITEM) == 0,
        )
        .collect()
        .lazy()
    )
    columns = [ITEM, "since", "until", *SHARE, "proof", "next_proof", "unproved"]
    begins = spans.filter("first").with_columns(
        since=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        until="invoiced_at",
        next_proof="proof",
        proof=pl.lit(None, dtype=pl.String),
        unproved=pl.lit(value=True),
    )
    later = spans.with_columns(since="invoiced_at", unproved="doubtful")
    return pl.concat([begins.select(columns), later.select(columns)])


def _decided(told: pl.LazyFrame) -> pl.LazyFrame:
    """`told` with the share of the last final invoice; of those that are not final where an item has no other.

    What is not final has no share of its own; it is doubtful (`doubtful`) if it says otherwise or stands alone.
    """
    alone = pl.col("final").any().over(ITEM).not_()
    decided = [pl.when(pl.col("final") | alone).then(name) for name in SHARE]
    said = pl.struct(f"{name}_said" for name in SHARE)
    return (
        told.with_columns(pl.col(name).alias(f"{name}_said") for name in SHARE)
        .with_columns(each.forward_fill().over(ITEM) for each in decided)
        .filter(pl.col("net_den").is_not_null())
        .with_columns(
            doubtful=pl.col("doubtful")
            | alone
            | said.struct.rename_fields(SHARE).ne_missing(pl.struct(SHARE))
        )
    )


def with_net(rows: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` of the timeline with net_num and net_den, split where the share changes that lines tell.

    Usage under computed tax has a null share: each charge has its own. Anything else under it is `inferred` before its
    first line. Before a subscription's first known point lines tell every share, by their rates where these are known;
    one that changes after a span makes it `bounded`.

    Args:
        rows: with `inclusive_ppm` (`inside`) and `computed`: automatic tax is on and no rates tell the share.
        lines: invoice lines (`with_rates`).
    """
    unknown = pl.col("inclusive_ppm").is_null()
    fixed = rows.filter(unknown.not_()).with_columns(_fraction(pl.col("inclusive_ppm")))
    asked = rows.filter(unknown & pl.col("computed").fill_null(value=False))
    guessed = rows.filter(unknown & pl.col("computed").fill_null(value=False).not_())
    usage = asked.filter(pl.col("quantity").is_null()).with_columns(
        pl.lit(None, dtype=pl.Int64).alias(name) for name in SHARE
    )
    asked_for = asked.select(ITEM).unique().collect().lazy()
    licensed = _split(
        asked.filter(pl.col("quantity").is_not_null()),
        line_shares(lines.join(asked_for, on=ITEM, how="semi").with_columns(ppm=computed())),
    ).with_columns(
        evidence=worst(
            pl.col("evidence"),
            pl.when(pl.col("unproved") & pl.col("status").ne_missing("trialing")).then(
                pl.lit("inferred")
            ),
        )
    )
    columns = [*rows.collect_schema().names(), *SHARE]
    parts = [fixed, usage, licensed, _split(guessed, line_shares(_taxed(lines)))]
    share, following = pl.struct(SHARE), pl.col(ITEM) == pl.col(ITEM).shift(-1)
    changes = (
        unknown
        & pl.col("computed").fill_null(value=False).not_()
        & following
        & share.ne_missing(share.shift(-1))
    )
    return (
        pl.concat([each.select(columns) for each in parts])
        .pipe(in_order, ITEM, "valid_from")
        .with_columns(evidence=worst(pl.col("evidence"), pl.when(changes).then(pl.lit("bounded"))))
    )


def _taxed(lines: pl.LazyFrame) -> pl.LazyFrame:
    """All lines of the items that ever had inclusive tax; the others' lines leave the whole price."""
    with_tax = lines.filter(pl.col("line_tax_rates").list.len() > 0).select(ITEM).unique()
    return lines.join(with_tax.collect().lazy(), on=ITEM, how="semi")


def _split(rows: pl.LazyFrame, shares: pl.LazyFrame) -> pl.LazyFrame:
    """One row per row and share that holds in it; the whole price, `unproved`, where no line tells a share."""
    return cut(rows, shares, [ITEM], how="left").with_columns(
        pl.col(SHARE).fill_null(pl.lit(1, dtype=pl.Int64)), pl.col("unproved").fill_null(value=True)
    )
