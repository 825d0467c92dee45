"""What events and listings say: the state of a subscription and its items just before and from an instant on.

Belongs here: evidence of the first two kinds (docs/method.md, "Evidence") turned into observations.

A *point* is an instant at which a subscription's state is known. Its `after` items hold from that instant, its
`before` items held until it. One row per point, side and item:

    source_account, subscription_id, at, proof, side (before | after), checked, plus STATE columns

`checked` is false where the event does not tell the state before it (a deletion carries no previous attributes).
A point whose subscription has no items has no rows; the point itself stays in the frame of points.
"""

import polars as pl

from pipeline.billing.asof import asof
from pipeline.billing.ordering import in_order

SUBSCRIPTION_STATE = (
    "status",
    "collection_paused",
    "cancel_at",
    "cancel_requested_at",
    "cancel_reason",
)
ITEM_STATE = ("price_id", "quantity", "in_trial", "item_discounts", "subscription_discounts")
ON = ["source_account", "subscription_id"]
"""What identifies a subscription."""
POINT_KEY = ("source_account", "subscription_id", "at")
SUBSCRIPTION_TOLD = (
    "status", "collection_paused", "cancel_at", "subscription_discounts", "default_tax_ppm", "automatic_tax",
)  # fmt: skip
"""What must not change between two points of a subscription that follow each other."""
LISTS = ("items", "subscription_discounts")


def apart(observed: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """OBSERVED_SUBSCRIPTION without its lists, and the lists: moving those along with every point would be slow.

    Both have `record`, the row's number. `state` is a number that is equal for equal states of a subscription:
    comparing it is much cheaper than comparing lists of items.
    """
    state = pl.struct("items", "created_at", "subscription_period", *SUBSCRIPTION_TOLD).hash()
    numbered = observed.with_row_index("record").collect().lazy()
    return numbered.with_columns(state=state).drop(LISTS), numbered.select("record", *LISTS)


def state_key() -> pl.Expr:
    """A text that is equal for equal states of a subscription (items in the order of their ids)."""
    item = pl.element()
    items = pl.col("items").list.eval(
        pl.concat_str(
            item.struct.field("id").fill_null("-"),
            item.struct.field("price_id").fill_null("-"),
            item.struct.field("quantity").cast(pl.String).fill_null("-"),
            item.struct.field("period_start").dt.epoch("s").cast(pl.String).fill_null("-"),
            item.struct.field("discounts").list.join(",").fill_null("-"),
            item.struct.field("tax_ppm").cast(pl.String).fill_null("-"),
            separator="|",
        ).sort()
    )
    return pl.concat_str(
        pl.col("status").fill_null("-"),
        pl.col("collection_paused").cast(pl.String),
        pl.col("more").cast(pl.String),
        pl.col("cancel_at").dt.epoch("s").cast(pl.String).fill_null("-"),
        pl.col("cancel_requested_at").dt.epoch("s").cast(pl.String).fill_null("-"),
        pl.col("trial_end").dt.epoch("s").cast(pl.String).fill_null("-"),
        pl.col("subscription_discounts").list.join(",").fill_null("-"),
        pl.col("default_tax_ppm").cast(pl.String).fill_null("-"),
        pl.col("automatic_tax").cast(pl.String).fill_null("-"),
        pl.col("subscription_period").dt.epoch("s").cast(pl.String).fill_null("-"),
        items.list.join(";").fill_null("-"),
        separator="#",
    )


def _unchanged(observed: pl.LazyFrame, found: pl.LazyFrame) -> pl.LazyFrame:
    """Listings that were not stored because nothing in them differed: after a gap everything was listed."""
    if found.collect().is_empty():
        return observed.clear()
    listed = observed.filter(pl.col("kind") == "listing")
    return (
        listed.select(ON)
        .unique()
        .join(found, on="source_account")
        .join(
            listed.select(*ON, "proof"),
            left_on=[*ON, "sync_id"],
            right_on=[*ON, "proof"],
            how="anti",
        )
        .pipe(asof, "found_at", listed.with_columns(listed_at="at"), "listed_at", ON)
        .filter(pl.col("listed_at").is_not_null())
        .with_columns(at="found_at", proof="sync_id")
        .select(observed.collect_schema().names())
    )


def points(
    observed: pl.LazyFrame, lists: pl.LazyFrame, found: pl.LazyFrame
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """One `before` and one `after` row per (subscription, instant).

    Several events may share a second. Among them the state before is the one that no other of them leaves behind,
    and the state after is the one that no other of them starts from; where one is passed twice, the one that more of
    them start from, or reach. If they come back to where they began, that is the state of before, or if that is not
    known, or events are missing since, of after. A listing at the same instant comes last. `switched` says that
    events of that instant leave different discounts of the subscription behind.

    Args:
        observed: subscriptions without their lists (`apart`).
        lists: these lists.
        found: the syncs that found events missing (`coverage.found_again`).

    Returns:
        (before, after), each unique on POINT_KEY.
    """
    every = pl.concat([observed, _unchanged(observed, found)]).with_row_index("row").collect()

    def named(rows: pl.LazyFrame) -> pl.LazyFrame:
        """Everything about some rows: it is not put in order with them, that would be slow."""
        return every[rows.select("row").collect().to_series()].lazy()

    begins = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in POINT_KEY)
    ordered = (
        every.lazy()
        .select("row", *POINT_KEY, "proof", "side")
        .pipe(in_order, *POINT_KEY)
        .with_columns(point=begins.cum_sum())
        .collect()
        .lazy()
    )
    new = pl.col("point").ne_missing(pl.col("point").shift(1))
    another = new.not_() & (pl.col("proof") != pl.col("proof").shift(1))
    several = ordered.filter(another).select("point").unique().collect().to_series().implode()
    alone = ordered.filter(pl.col("point").is_in(several).not_())
    before_side, after_side = pl.col("side") != "after", pl.col("side") != "before"
    sides = (
        named(ordered.filter(pl.col("point").is_in(several)))
        .join(lists, on="record")
        .with_columns(
            content=state_key(), above=pl.col("subscription_discounts").list.join(",").fill_null("")
        )
        .drop(LISTS)
        .collect()
        .lazy()
    )
    before, after = sides.filter(before_side), sides.filter(after_side)
    links = [*POINT_KEY, "content"]
    event_before = before.filter(pl.col("kind") != "listing")
    event_after = after.filter(pl.col("kind") != "listing")
    switches = (
        event_after.group_by(POINT_KEY)
        .agg(switched=pl.col("above").n_unique() > 1)
        .filter("switched")
    )
    rank = (
        pl.when(pl.col("kind") == "created").then(0)
        .when(pl.col("kind") == "deleted").then(2)
        .when(pl.col("kind") == "listing").then(3)
        .otherwise(1)
    )  # fmt: skip
    surplus = _surplus(event_before.filter("checked"), event_after, links)
    left = event_after.select(*links, reached=pl.lit(value=True), other="proof")
    started = event_before.filter("checked").select(*links, left=pl.lit(value=True), other="proof")
    firsts = (
        before.with_columns(rank=rank)
        .join(_others(left, links, "reached"), on=links, how="left")
        .join(surplus, on=links, how="left")
        .with_columns(
            middle=_by_another("reached"), begins=(pl.col("surplus") < 0).fill_null(value=False)
        )
        .collect()
        .lazy()
    )
    # Where the events lead round in a circle, they begin with the state of before, and end with it.
    circles = firsts.group_by(POINT_KEY).agg(pl.col("middle").all()).filter("middle")
    circles = circles.collect().lazy()
    ended, began = (
        named(ordered.filter(which).join(circles, on=ON, how="semi"))
        for which in (after_side, before_side)
    )
    first = (
        firsts.join(_states_around(circles, ended, began, lists, found), on=links, how="left")
        .sort(
            *POINT_KEY, "rank", "middle", pl.col("begins").not_(), "continues", "proof",
            nulls_last=True,
        )
        .group_by(*POINT_KEY, maintain_order=True)
        .first()
    )  # fmt: skip
    circle = first.select(*links, closes=pl.lit(value=True))
    last = (
        after.with_columns(rank=rank)
        .join(_others(started, links, "left"), on=links, how="left")
        .join(surplus, on=links, how="left")
        .join(circle, on=links, how="left")
        .with_columns(
            middle=_by_another("left"), ends=(pl.col("surplus") > 0).fill_null(value=False)
        )
        .sort(
            *POINT_KEY, "rank", pl.col("middle").not_(), "ends", "closes", "proof", nulls_last=False
        )
        .group_by(*POINT_KEY, maintain_order=True)
        .last()
    )

    def side(which: pl.Expr, chosen: pl.LazyFrame) -> pl.LazyFrame:
        rows = pl.concat(
            [
                alone.filter(which).filter(new).select("row", switched=pl.lit(value=False)),
                chosen.join(switches, on=POINT_KEY, how="left").select(
                    "row", pl.col("switched").fill_null(value=False)
                ),
            ]
        ).collect()
        chosen_rows = every[rows.get_column("row")].drop("row")
        return chosen_rows.with_columns(rows.get_column("switched")).lazy()

    return side(before_side, first), side(after_side, last)


def _others(rows: pl.LazyFrame, links: list[str], name: str) -> pl.LazyFrame:
    """Which proofs reach (or start from) a state at an instant."""
    return rows.group_by(links).agg(pl.col("other").unique().alias(f"{name}_by"))


def _surplus(before: pl.LazyFrame, after: pl.LazyFrame, links: list[str]) -> pl.LazyFrame:
    """How many more events of an instant reach a state than start from it: 1 where a way ends, -1 where it begins."""
    ways = [after.select(*links, way=pl.lit(1)), before.select(*links, way=pl.lit(-1))]
    return pl.concat(ways).group_by(links).agg(surplus=pl.col("way").sum())


def _states_around(
    circles: pl.LazyFrame,
    after: pl.LazyFrame,
    before: pl.LazyFrame,
    lists: pl.LazyFrame,
    found: pl.LazyFrame,
) -> pl.LazyFrame:
    """The states before and after each circle, which it `continues`: the lower the number, the surer.

    The state of before comes first, unless events are missing in between.

    Args:
        circles: the points.
        after: what events and lists leave behind, of the same subscriptions.
        before: what they start from.
        lists: the lists of items.
        found: `coverage.found_again`.
    """

    def nearest(rows: pl.LazyFrame, *, earlier: bool) -> pl.LazyFrame:
        beside = pl.col("beside") < pl.col("at") if earlier else pl.col("beside") > pl.col("at")
        states = rows.join(lists, on="record").select(
            *ON, "proof", beside="at", content=state_key(), later=pl.lit(not earlier)
        )
        return (
            circles.select(POINT_KEY)
            .join(states, on=ON)
            .filter(beside)
            .sort("beside", "proof", descending=earlier)
            .group_by(POINT_KEY, maintain_order=True)
            .first()
        )

    states = pl.concat([nearest(after, earlier=True), nearest(before, earlier=False)])
    first, last = (each("at", "beside") for each in (pl.min_horizontal, pl.max_horizontal))
    apart = (
        states.join(found.select("source_account", "resumed_at"), on="source_account")
        .filter((pl.col("resumed_at") > first) & (pl.col("resumed_at") <= last))
        .select(*POINT_KEY, "later", apart=pl.lit(2))
        .unique()
    )
    return (
        states.join(apart, on=[*POINT_KEY, "later"], how="left")
        .with_columns(continues=pl.col("apart").fill_null(0) + pl.col("later").cast(pl.Int32))
        .group_by(*POINT_KEY, "content")
        .agg(pl.col("continues").min())
    )


def _by_another(name: str) -> pl.Expr:
    """Whether an event other than the row's own reaches (or starts from) its state."""
    by = pl.col(f"{name}_by")
    own = by.list.contains(pl.col("proof"))
    return (by.list.len().fill_null(0) - own.fill_null(value=False).cast(pl.UInt32)) > 0
