"""States before the first known point: what invoices, proration items and announced dates say.

Belongs here: rows of item states from invoice evidence, graded `invoiced`, `bounded` or `inferred`, never `exact`.
"""

import polars as pl

ITEM = ["source_account", "subscription_id", "subscription_item_id"]


def _billed(lines: pl.LazyFrame, scope: pl.LazyFrame) -> pl.LazyFrame:
    """One row per item and instant at which an ordinary line shows its state: the start of the line's period.

    A period billed ahead shows the state when it was billed, one before the subscription began (a backdated start)
    the state at the beginning. Of several at one instant the period that holds it counts, else the next one.
    """
    first = (
        lines.filter((pl.col("invoice_status") != "void") & pl.col("proration").not_())
        .sort("line_id")
        .group_by(*ITEM, "period_start", maintain_order=True)
        .agg(
            pl.col("price_id").last(),
            pl.col("quantity").sum(),
            pl.col("metered").any(),
            pl.col("tried").all(),
            pl.col("invoiced_at").min(),
            until=pl.col("period_end").max(),
            proof=pl.col("line_id").first(),
        )
        .with_columns(quantity=pl.when(pl.col("metered").not_()).then("quantity"))
        .join(scope.select(*ITEM[:2], "created_at"), on=ITEM[:2])
        .with_columns(
            at=pl.max_horizontal("created_at", pl.min_horizontal("period_start", "invoiced_at"))
        )
    )
    ahead = pl.col("period_start") > pl.col("at")
    distance = (pl.col("period_start") - pl.col("at")).abs()
    return (
        first.sort(*ITEM, "at", ahead, distance)
        .group_by(*ITEM, "at", maintain_order=True)
        .agg(pl.exclude("until").first(), pl.col("until").max())
        .with_columns(rank=pl.lit(0), credited=pl.lit(None, dtype=pl.String))
    )


def _changes(lines: pl.LazyFrame, invoice_items: pl.LazyFrame, scope: pl.LazyFrame) -> pl.LazyFrame:
    """One row per item and instant at which invoices show its state.

    Columns: ITEM, at, until, price_id, quantity, period_start (null at a proration), proof, left (the item left),
    credited (the state that a proration credits at this instant, as text; null where none is).
    """
    # A proration of nothing (a free price, 100% off) does not say which of a pair is the new state: the change then
    # shows at the next invoice. Beside a credit of something it is what the item changed to.
    amount = pl.col("amount")
    price, quantity = pl.col("price_id"), pl.col("quantity")
    prorated = (
        invoice_items.filter(pl.col("subscription_item_id").is_not_null())
        .filter((amount != 0).any().over(*ITEM, "changed_at"))
        .sort("invoice_item_id")
        .group_by(*ITEM, "changed_at", maintain_order=True)
        .agg(
            price_id=pl.coalesce(price.filter(amount > 0).last(), price.filter(amount == 0).last()),
            quantity=pl.when((amount > 0).any())
            .then(quantity.filter(amount > 0).sum())
            .otherwise(quantity.filter(amount == 0).sum()),
            until=pl.col("period_end").max(),
            proof=pl.col("invoice_item_id").last(),
            credited=_state(price.filter(amount < 0).first(), quantity.filter(amount < 0).sum()),
        )
        .rename({"changed_at": "at"})
        .with_columns(
            rank=pl.lit(1),
            tried=pl.lit(value=False),
            period_start=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        )
    )
    columns = [
        *ITEM, "at", "until", "price_id", "quantity", "period_start", "tried", "proof", "rank", "credited",
    ]  # fmt: skip
    return (
        pl.concat([_billed(lines, scope).select(columns), prorated.select(columns)])
        .sort(*ITEM, "at", "rank")
        .group_by(*ITEM, "at", maintain_order=True)
        .agg(pl.exclude("credited").first(), pl.col("credited").drop_nulls().first())
        .with_columns(left=pl.col("price_id").is_null())
    )


def _state(price: pl.Expr, quantity: pl.Expr) -> pl.Expr:
    return pl.concat_str(price, quantity.fill_null(0).cast(pl.String), separator="|")


def history(
    lines: pl.LazyFrame,
    invoice_items: pl.LazyFrame,
    subscriptions: pl.LazyFrame,
    first_items: pl.LazyFrame,
) -> pl.LazyFrame:
    """Item states from a subscription's creation to its first known point.

    Args:
        lines: invoice lines (`invoices.as_states`).
        invoice_items: proration items (`invoices.invoice_items`).
        subscriptions: one row per subscription: source_account, subscription_id, customer_id, currency, created_at,
            ended_at, trial_start, trial_end, known_from (its first known point), first_proof (what proves that point).
        first_items: the items at known_from, of an ended subscription those it ended with: ITEM, price_id, quantity,
            item_created (null where no evidence says it).

    Returns:
        ITEM, price_id, quantity, status, valid_from, valid_to, evidence, opened_by, closed_by, period_start.
    """
    on = ["source_account", "subscription_id"]
    early = subscriptions.filter(pl.col("created_at") < pl.col("known_from"))
    end = pl.min_horizontal("known_from", pl.col("ended_at").fill_null(pl.col("known_from")))
    scope = early.with_columns(history_end=end).filter(pl.col("created_at") < pl.col("history_end"))
    mine = scope.select("subscription_id").collect().lazy()
    seen = (
        _changes(
            lines.join(mine, on="subscription_id", how="semi"),
            invoice_items.join(mine, on="subscription_id", how="semi"),
            scope,
        )
        .join(scope, on=on)
        .filter(pl.col("at") < pl.col("history_end"))
    )
    last = first_items.join(scope.select(on), on=on, how="semi").select(
        *ITEM, first_state=_state(pl.col("price_id"), pl.col("quantity"))
    )
    item = pl.struct(ITEM)
    rows = (
        seen.sort(*ITEM, "at")
        .with_columns(
            state=_state(pl.col("price_id"), pl.col("quantity")),
            period_start=pl.col("period_start").forward_fill().over(ITEM),
            next_at=pl.col("at").shift(-1).over(ITEM),
            next_proof=pl.col("proof").shift(-1).over(ITEM),
            next_credited=pl.col("credited").shift(-1).over(ITEM),
        )
        .with_columns(next_state=pl.col("state").shift(-1).over(ITEM), known=item)
        .join(last, on=ITEM, how="left")
        .with_columns(
            stop=pl.col("next_at").fill_null(pl.col("history_end")),
            agreed=pl.coalesce("next_credited", "next_state", "first_state") == pl.col("state"),
        )
        .filter(pl.col("left").not_())
    )
    trial = (pl.col("valid_from") >= pl.col("trial_start")) & (
        pl.col("valid_from") < pl.col("trial_end")
    )
    in_trial = trial.fill_null(value=False)
    known = rows.with_columns(
        valid_from="at",
        valid_to=pl.min_horizontal("stop", "until"),
        opened_by="proof",
        closed_by=pl.coalesce("next_proof", "first_proof"),
        evidence=pl.when(pl.col("agreed").fill_null(value=False))
        .then(pl.lit("invoiced"))
        .otherwise(pl.lit("bounded")),
    ).with_columns(
        status=pl.when(in_trial | pl.col("tried"))
        .then(pl.lit("trialing"))
        .otherwise(pl.lit("active"))
    )
    gap = rows.filter(pl.col("until") < pl.col("stop")).with_columns(
        valid_from="until",
        valid_to="stop",
        opened_by="proof",
        closed_by=pl.coalesce("next_proof", "first_proof"),
        evidence=pl.lit("inferred"),
        status=pl.lit("unknown"),
    )
    start = (
        pl.concat(
            [
                rows.select(*ITEM, "at", "price_id", "quantity", "proof"),
                first_items.join(scope.select(*on, "history_end"), on=on).select(
                    *ITEM,
                    at="history_end",
                    price_id="price_id",
                    quantity="quantity",
                    proof=pl.lit(None, dtype=pl.String),
                ),
            ]
        )
        .sort("at")
        .group_by(ITEM)
        .first()
        .join(scope, on=on)
        .join(first_items.select(*ITEM, "item_created"), on=ITEM, how="left")
        .with_columns(
            valid_from=pl.max_horizontal("created_at", "item_created"),
            valid_to=pl.min_horizontal("at", "history_end"),
            opened_by=pl.coalesce("proof", "first_proof"),
            closed_by=pl.coalesce("proof", "first_proof"),
            evidence=pl.lit("inferred"),
        )
        .with_columns(
            status=pl.when(in_trial).then(pl.lit("trialing")).otherwise(pl.lit("unknown"))
        )
        .with_columns(until="at")
    )
    columns = [
        *ITEM, "customer_id", "currency", "price_id", "quantity", "status", "valid_from", "valid_to", "evidence",
        "opened_by", "closed_by",
    ]  # fmt: skip
    return pl.concat(
        [
            known.select(*columns, "period_start"),
            gap.select(*columns, "period_start"),
            start.with_columns(period_start="valid_from").select(*columns, "period_start"),
        ]
    ).filter(pl.col("valid_from") < pl.col("valid_to"))
