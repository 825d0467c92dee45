"""Spans of item states that events and listings show, with their grade.

Belongs here: the chain check, and items that an event leaves out. Source of the rules: docs/method.md, "Evidence".
"""

import polars as pl

from pipeline.billing import chosen
from pipeline.billing.asof import asof
from pipeline.billing.decoding import EVENT_ITEMS
from pipeline.billing.history import ITEM
from pipeline.billing.observations import ON, SUBSCRIPTION_TOLD
from pipeline.billing.sequence import OVER
from pipeline.billing.taxes import inside
from pipeline.schemas.observed import ITEM_STATE

COMPARED = ("price_id", "quantity", "item_discounts", "period_start", "tax_ppm")
ALWAYS_SHOWN = ("price_id", "quantity")
"""What the object of any event shows as it was just before, even of a deletion."""
UNTOLD = pl.duration(days=1)
"""A trial that is over for so long, and no event says so, is doubtful."""
ITEM_FIELDS = [
    "price_id", "quantity", "item_discounts", "period_start", "in_trial", "trial_until", "item_created",
    "tax_ppm",
]  # fmt: skip


def known_spans(every: pl.LazyFrame, before: pl.LazyFrame, lists: pl.LazyFrame) -> pl.LazyFrame:
    """Spans of item states that events and listings show, with their grade.

    Args:
        every: the points that tell something new (`telling`).
        before: the state before each point.
        lists: the lists of both (`observations.apart`).
    """
    sighted = _items(every, lists).collect().lazy()
    carried = _carried(every, sighted, lists).collect().lazy()
    whole = carried.select(*ON, "at").unique().with_columns(accounted=pl.lit(value=True))
    running = sighted.filter(pl.col("status").is_in(OVER).not_())
    shown = running.join(whole, on=[*ON, "at"], how="left").with_columns(
        carried=pl.col("more") & pl.col("accounted").is_null(), foreseen=pl.lit(value=False)
    )
    columns = shown.collect_schema().names()
    rows = pl.concat(
        [
            shown,
            carried.filter(pl.col("status").is_in(OVER).not_())
            .with_columns(carried=pl.lit(value=True), accounted=pl.lit(value=True))
            .select(columns),
        ]
    )
    compared = (*COMPARED, *SUBSCRIPTION_TOLD)
    changed = every.filter(pl.col("unchanged").not_())
    ids = _ids(changed, lists, "ids", "at")
    reached = before.join(changed.select(*ON, at="next_at"), on=[*ON, "at"], how="semi")
    ids_before = _ids(reached, lists, "ids_before", "next_at")
    earlier = _items(reached, lists).select(
        *ITEM,
        next_at="at",
        found=pl.lit(value=True),
        **{f"{name}_before": pl.col(name) for name in compared},
    )
    # What an event does not tell of the state before (a deletion has no previous attributes), its object still shows.
    untold = pl.col("told").not_()
    agrees = pl.all_horizontal(
        _same(name) if name in ALWAYS_SHOWN else _same(name) | untold for name in compared
    ) & pl.col("found").fill_null(value=False)
    cut = pl.col("cut") | pl.col("more")
    untouched = pl.col("cut") & pl.col("found").is_null()
    full = every.filter(pl.col("cut") & pl.col("more").not_()).join(lists, on="record")
    # As many items as an event lists were all, and to the next event there are more: some came unseen.
    more_came = full.filter(pl.col("items").list.len() <= EVENT_ITEMS).select(
        *ON, "at", more_came=pl.lit(value=True)
    )
    proved = (
        pl.when(pl.col("told").is_null() | pl.col("unchanged") | untouched)
        .then(pl.lit(value=True))
        .otherwise(agrees & (cut | pl.col("ids").eq_missing(pl.col("ids_before"))))
    )
    # That a trial is over an event tells; where none does, nobody knows what became of it.
    reach = pl.col("next_at").fill_null(pl.col("covered_to"))
    overdue = (reach > pl.col("trial_until") + UNTOLD).fill_null(value=False)
    return (
        rows.join(earlier, on=[*ITEM, "next_at"], how="left")
        .join(ids, on=[*ON, "at"], how="left")
        .join(ids_before, on=[*ON, "next_at"], how="left")
        .join(more_came, on=[*ON, "at"], how="left")
        .with_columns(
            evidence=pl.when(pl.col("guessed"))
            .then(pl.lit("inferred"))
            .when(
                pl.col("covered") & pl.col("carried").not_() & proved.fill_null(value=False),
                pl.col("more_came").is_null() & overdue.not_(),
            )
            .then(pl.lit("exact"))
            .otherwise(pl.lit("bounded")),
            valid_from="at",
            opened_by="proof",
            closed_by="next_proof",
            inclusive_ppm=inside(
                pl.col("tax_ppm"), pl.col("default_tax_ppm"), pl.col("automatic_tax")
            ),
        )
        .with_columns(computed=pl.col("inclusive_ppm").is_null())
    )


def first_items(every: pl.LazyFrame, known: pl.LazyFrame, lists: pl.LazyFrame) -> pl.LazyFrame:
    """The items that a subscription's first point shows; those an ended one is listed with are those it ended with.

    One row per item: ITEM, price_id, quantity, item_created. `every` is in order (`sequence`).
    """
    columns = [*ITEM, "price_id", "quantity", "item_created"]
    first = chosen.first(every, *ON)
    over = _items(first.filter(pl.col("status").is_in(OVER)), lists).select(columns)
    running = known.join(
        first.select(*ON, valid_from="at"), on=[*ON, "valid_from"], how="semi"
    ).select(columns)
    return pl.concat([running, over])


def _items(rows: pl.LazyFrame, lists: pl.LazyFrame) -> pl.LazyFrame:
    """One row per item of each point."""
    inside = (pl.col("item_trial_start") <= pl.col("at")) & (
        pl.col("at") < pl.col("item_trial_end")
    )
    names = {
        "id": "subscription_item_id",
        "discounts": "item_discounts",
        "created": "item_created",
        "trial_start": "item_trial_start",
        "trial_end": "item_trial_end",
    }
    fields = [
        pl.col("items").struct.field(field.name).alias(names.get(field.name, field.name))
        for field in ITEM_STATE.fields
    ]
    return (
        rows.join(lists, on="record")
        .explode("items", empty_as_null=False, keep_nulls=False)
        .with_columns(fields)
        .with_columns(
            # Before basil the period stood on the subscription; an item that came later may have begun within it.
            period_start=pl.coalesce(
                "period_start",
                pl.when(pl.col("item_created") > pl.col("created_at"))
                .then(pl.max_horizontal("subscription_period", "item_created"))
                .otherwise("subscription_period"),
            ),
            in_trial=inside.fill_null(value=False),
            trial_until=pl.when(inside).then("item_trial_end"),
        )
        .drop("items", "item_trial_start", "item_trial_end")
    )


def _ids(rows: pl.LazyFrame, lists: pl.LazyFrame, name: str, at: str) -> pl.LazyFrame:
    """The ids of the items of each point as one text, `name`, beside its instant, `at`."""
    ids = pl.col("items").list.eval(pl.element().struct.field("id").cast(pl.String))
    text = ids.list.sort().list.join(",").alias(name)
    return rows.join(lists, on="record").select(*ON, pl.col("at").alias(at), text)


def _same(name: str) -> pl.Expr:
    return pl.col(name).eq_missing(pl.col(f"{name}_before"))


def _carried(sequence: pl.LazyFrame, sighted: pl.LazyFrame, lists: pl.LazyFrame) -> pl.LazyFrame:
    """Rows for items that an event leaves out: it lists ten at most, the others keep their state.

    An item not listed is there if it was seen since the last complete list of items, or if a later point shows it
    with an earlier date of creation (`foreseen`: it may have been otherwise then).
    """
    partial = sequence.filter(pl.col("more")).join(lists.drop("items"), on="record")
    partial = partial.collect().lazy()
    large = partial.select(ON).unique()
    sequence, sighted = (each.join(large, on=ON, how="semi") for each in (sequence, sighted))
    seen = sighted.select(*ITEM, *ITEM_FIELDS, seen_at="at")
    complete = sequence.filter(pl.col("more").not_()).select(*ON, complete_at="at")
    unseen = (
        partial.join(sighted.select(ITEM).unique(), on=ON)
        .join(sighted.select(*ITEM, "at"), on=[*ITEM, "at"], how="anti")
        .pipe(asof, "at", complete, "complete_at", ON)
    )
    forward = asof(unseen, "at", seen, "seen_at", ITEM)
    known = pl.col("seen_at").is_not_null() & (
        pl.col("complete_at").is_null() | (pl.col("seen_at") >= pl.col("complete_at"))
    )
    later = (
        forward.filter(known.not_())
        .drop("seen_at", *ITEM_FIELDS)
        .pipe(asof, "at", seen, "seen_at", ITEM, "forward")
        .filter(pl.col("item_created") <= pl.col("at"))
        .with_columns(foreseen=pl.lit(value=True))
    )
    held = forward.filter(known).with_columns(foreseen=pl.lit(value=False))
    return pl.concat([held, later], how="diagonal").drop("seen_at", "complete_at")
