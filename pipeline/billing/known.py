"""Spans of item states that events and listings show, with their grade.

Belongs here: the order of points, the chain check, coverage, and items that an event leaves out. Source of the rules:
docs/method.md, "Evidence".
"""

import polars as pl

from pipeline.billing import chosen
from pipeline.billing.asof import asof
from pipeline.billing.cutting import together
from pipeline.billing.decode import EVENT_ITEMS
from pipeline.billing.history import ITEM
from pipeline.billing.observations import ON, SUBSCRIPTION_TOLD
from pipeline.billing.ordering import in_order
from pipeline.billing.taxes import inside
from pipeline.schemas.observed import ITEM_STATE

OVER = ("canceled", "incomplete_expired")
COMPARED = ("price_id", "quantity", "item_discounts", "period_start", "tax_ppm")
UNCOMPARED = ("customer_id", "currency", "cancel_requested_at", "cancel_reason", "past_due_since")
"""What a point tells beside the state that is compared with the next one's."""
ALWAYS_SHOWN = ("price_id", "quantity")
"""What the object of any event shows as it was just before, even of a deletion."""


def spans(coverage: pl.LazyFrame) -> pl.LazyFrame:
    """Coverage merged into disjoint spans per source account: covered_from, covered_to, span (a number)."""
    ordered = coverage.sort("source_account", "covered_from", "covered_to").with_columns(
        reach=pl.col("covered_to").cum_max().shift(1).over("source_account")
    )
    apart = (pl.col("covered_from") > pl.col("reach")).fill_null(value=True)
    return (
        ordered.with_columns(span=apart.cum_sum().over("source_account"))
        .group_by("source_account", "span")
        .agg(pl.col("covered_from").min(), pl.col("covered_to").max())
        .sort("source_account", "covered_from")
    )


def found_again(coverage: pl.LazyFrame, covered: pl.LazyFrame) -> pl.LazyFrame:
    """The syncs that found events missing: each listed every subscription (`pipeline.sources.stripe`).

    One row per source account and span but the first: found_at (the sync's watermark), sync_id.
    """
    later = covered.filter(
        pl.col("covered_from") > pl.col("covered_from").min().over("source_account")
    )
    return (
        coverage.join(
            later.select("source_account", "covered_from"),
            on=["source_account", "covered_from"],
            how="semi",
        )
        .sort("covered_to", "sync_id")
        .group_by("source_account", "covered_from")
        .agg(found_at=pl.col("covered_to").first(), sync_id=pl.col("sync_id").first())
        .drop("covered_from")
    )


def _held(points: pl.LazyFrame, covered: pl.LazyFrame) -> pl.LazyFrame:
    """The state at the end of each span of coverage that another one follows: up to there every event is known."""
    ends = covered.filter(pl.col("covered_to") < pl.col("covered_to").max().over("source_account"))
    ends = ends.select("source_account", "covered_from", "covered_to")
    points = points.join(ends, on="source_account", how="semi")
    return (
        points.select(ON)
        .unique()
        .join(ends, on="source_account")
        .pipe(asof, "covered_to", points.rename({"at": "point_at"}), "point_at", ON)
        .filter(
            (pl.col("point_at") >= pl.col("covered_from"))
            & (pl.col("point_at") < pl.col("covered_to"))
        )
        .with_columns(at="covered_to", kind=pl.lit("held"))
        .drop("covered_from", "covered_to", "point_at")
    )


def initial(before: pl.LazyFrame, covered: pl.LazyFrame) -> pl.LazyFrame:
    """The state at the start of each span of coverage: that before the first point in or after it.

    Of a subscription that an event shows from its creation on nothing is asked in the span of that event.
    """
    born = before.filter((pl.col("kind") == "created") & (pl.col("at") == pl.col("created_at")))
    seen = pl.col("covered_from") <= pl.col("born_at")
    starts = (
        before.select(ON)
        .unique()
        .join(covered, on="source_account")
        .join(born.select(*ON, born_at="at"), on=ON, how="left")
        .filter(seen.fill_null(value=False).not_())
        .drop("born_at")
        .collect()
        .lazy()
    )
    following = (
        before.filter(pl.col("kind") != "created")
        .join(starts, on=ON, how="semi")
        .with_columns(point_at="at")
    )
    unknown = pl.col("checked").not_()
    in_trial = pl.col("trial_end").is_not_null() & (pl.col("at") <= pl.col("trial_end"))
    return (
        asof(starts, "covered_from", following, "point_at", ON, "forward")
        .filter(pl.col("point_at").is_not_null() & (pl.col("created_at") < pl.col("point_at")))
        .with_columns(
            status=pl.when(unknown & in_trial)
            .then(pl.lit("trialing"))
            .when(unknown)
            .then(pl.lit("active"))
            .otherwise(pl.col("status")),
            at=pl.max_horizontal("covered_from", "created_at"),
            late=pl.col("created_at") > pl.col("covered_from"),
            guessed=unknown,
        )
        .filter(pl.col("at") < pl.col("point_at"))
        # A span that ended before the subscription began says nothing of its start.
        .filter(pl.col("at") <= pl.col("covered_to"))
        .with_columns(kind=pl.lit("initial"), side=pl.lit("after"))
    )


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


def sequence(before: pl.LazyFrame, after: pl.LazyFrame, covered: pl.LazyFrame) -> pl.LazyFrame:
    """Every subscription's points in order, each with the next one: the spans between them."""
    shown = after.with_columns(late=pl.lit(value=False), guessed=pl.lit(value=False))
    starts_known = initial(before, covered).join(
        after.select(*ON, "at"), on=[*ON, "at"], how="anti"
    )
    columns = shown.collect_schema().names()
    ended = pl.col("next_status").is_in(OVER) & pl.col("next_ended").is_not_null()
    reach = pl.col("next_at").fill_null(pl.col("covered_to"))
    points = pl.concat([starts_known.select(columns), shown.select(columns)]).collect().lazy()
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in ON)

    def following(name: str) -> pl.Expr:
        """What the next point of the subscription says; a window over each would be slower."""
        return pl.when(same).then(pl.col(name).shift(-1))

    ordered = (
        pl.concat([points, _held(points, covered).select(columns)])
        .pipe(in_order, *ON, "at", pl.col("kind") != "initial")
        .collect()
        .lazy()
    )
    return (
        pl.concat([ordered, _coverage_of(ordered, covered)], how="horizontal")
        .with_columns(
            next_at=following("at"),
            next_proof=following("proof"),
            next_status=following("status"),
            next_ended=following("ended_at"),
            turns=pl.any_horizontal(
                pl.col(name).ne_missing(pl.col(name).shift(1)) for name in (*ON, "status")
            ),
        )
        .with_columns(
            past_due_since=pl.when(pl.col("status") == "past_due").then(
                pl.when("turns").then("at").forward_fill()
            )
        )
        .drop("turns")
        .with_columns(
            covered=(reach <= pl.col("covered_to")).fill_null(value=False)
            & pl.col("late").not_()
            & pl.col("guessed").not_(),
            valid_to=pl.when(ended)
            .then(pl.max_horizontal("at", pl.min_horizontal("next_at", "next_ended")))
            .otherwise(pl.col("next_at")),
        )
    )


def _coverage_of(points: pl.LazyFrame, covered: pl.LazyFrame) -> pl.LazyFrame:
    """The end of the span of coverage that begins at each point or last before it: covered_to, in the same order."""
    starts = covered.select("source_account", "covered_from", "covered_to")
    return (
        points.select("source_account", "at")
        .with_row_index("row")
        .pipe(asof, "at", starts, "covered_from", "source_account")
        .sort("row")
        .select("covered_to")
    )


ITEM_FIELDS = [
    "price_id", "quantity", "item_discounts", "period_start", "in_trial", "item_created", "tax_ppm",
]  # fmt: skip


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


def telling(sequence: pl.LazyFrame, before: pl.LazyFrame, lists: pl.LazyFrame) -> pl.LazyFrame:
    """The points of `sequence` that tell something new, and what is known of the state before the next of them.

    Most events and listings repeat what is known: they prove it further on, and their points are put together with the
    one before. More columns: told (whether the next point tells the state before it), cut (it leaves items out),
    unchanged (that is the state of this point).
    """
    told = before.select(*ON, next_at="at", told="checked", cut="more", state_before="state")
    following = sequence.select(*ON, "next_at", "state").join(
        told, on=[*ON, "next_at"], how="left", maintain_order="left"
    )
    unchanged = pl.col("state").eq_missing(pl.col("state_before"))
    beside = following.select("told", "cut", unchanged=unchanged)
    every = pl.concat([sequence, beside], how="horizontal")
    # An item's own trial may end with nothing said.
    item = pl.element().struct.field("trial_end")
    on_trial = lists.filter(pl.col("items").list.eval(item.is_not_null()).list.any())
    trials = on_trial.select("record").collect().to_series().implode()
    complete = pl.any_horizontal("more", pl.col("cut").fill_null(value=False)).not_()
    exact = (
        pl.col("covered")
        & complete
        & (pl.col("told").is_null() | pl.col("unchanged"))
        & pl.col("record").is_in(trials).not_()
    )
    goes_on = pl.all_horizontal(
        exact,
        exact.shift(1),
        pl.col("at") == pl.col("valid_to").shift(1),
        *(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in (*ON, "state", *UNCOMPARED)),
    )
    last = (
        "next_at",
        "next_proof",
        "next_status",
        "next_ended",
        "valid_to",
        "told",
        "cut",
        "unchanged",
    )
    return together(every, goes_on.fill_null(value=False).not_(), last)


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
                pl.col("more_came").is_null(),
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
