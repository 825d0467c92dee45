"""The points of subscriptions in order, each with the next one.

Belongs here: what follows what, coverage between two points, and which points tell something new. What a point says of
the items is in `known`. Source of the rules: docs/method.md, "Evidence".
"""

import polars as pl

from pipeline.billing.asof import asof
from pipeline.billing.cutting import together
from pipeline.billing.observations import ON
from pipeline.billing.ordering import in_order

OVER = ("canceled", "incomplete_expired")
UNCOMPARED = ("customer_id", "currency", "cancel_requested_at", "cancel_reason", "past_due_since")
"""What a point tells beside the state that is compared with the next one's."""


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
