"""What events and listings say: the state of a subscription and its items just before and from an instant on.

Belongs here: evidence of the first two kinds (docs/method.md, "Evidence") turned into observations.

A *point* is an instant at which a subscription's state is known. Its `after` items hold from that instant, its
`before` items held until it. One row per point, side and item:

    source_account, subscription_id, at, proof, side (before | after), checked, plus STATE columns

`checked` is false where the event does not tell the state before it (a deletion carries no previous attributes).
A point whose subscription has no items has no rows; the point itself stays in the frame of points.
"""

from collections.abc import Callable

import polars as pl

from pipeline.billing import payload as p

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

EVENT_ITEMS = 10
"""An event lists at most so many items; where previous attributes do not say whether there were more, ten may be."""


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
        subscription_discounts=pl.coalesce(get("discounts"), _one(get("discount", "id"))),
        subscription_period=get("current_period_start"),
        items=get("items", "data"),
        more=get("items", "has_more")
        .fill_null(get("items", "data").list.len() >= EVENT_ITEMS)
        .fill_null(value=False),
    )


def _one(value: pl.Expr) -> pl.Expr:
    """A list of the value; empty where it is null."""
    return (
        pl.when(value.is_null())
        .then(pl.lit([], dtype=pl.List(pl.String)))
        .otherwise(pl.concat_list(value))
    )


def _events(raw: pl.LazyFrame) -> pl.LazyFrame:
    events = p.stream(raw, "event").filter(
        pl.col("payload").str.contains('"type":"customer.subscription.', literal=True)
    )
    return (
        p.decoded(events, p.EVENT_SUBSCRIPTION)
        .filter(p.field("type").str.starts_with("customer.subscription."))
        .unique("id", keep="any")
        .with_columns(
            subscription_id=p.field("data", "object", "id"),
            kind=p.field("type").str.strip_prefix("customer.subscription."),
            at=pl.col("created"),
            proof=pl.col("id"),
            changed=pl.col("previous_keys").list.len().fill_null(0) > 0,
        )
    )


def _after(events: pl.LazyFrame) -> pl.LazyFrame:
    return _fields(events, lambda *path: p.field("data", "object", *path)).with_columns(
        side=pl.lit("after"), checked=pl.lit(value=True)
    )


def _before(events: pl.LazyFrame) -> pl.LazyFrame:
    """The state before: `object` with `previous_attributes` laid over it."""

    def read(*path: str) -> pl.Expr:
        return (
            pl.when(pl.col("previous_keys").list.contains(path[0]))
            .then(p.field("data", "previous_attributes", *path))
            .otherwise(p.field("data", "object", *path))
        )

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
        .with_columns(  # nothing existed before its creation
            items=pl.when(pl.col("kind") == "created").then(None).otherwise(pl.col("items")),
            status=pl.when(pl.col("kind") == "created").then(None).otherwise(pl.col("status")),
        )
    )


def _listings(raw: pl.LazyFrame) -> pl.LazyFrame:
    listed = p.decoded(p.stream(raw, "subscription"), p.SUBSCRIPTION).with_columns(
        subscription_id=pl.col("id"),
        kind=pl.lit("listing"),
        at=pl.col("observed_at"),
        proof=pl.col("sync_id"),
    )
    return _fields(listed, p.field)


COLUMNS = (
    *POINT_KEY,
    "kind",
    "proof",
    "side",
    "checked",
    "customer_id",
    "currency",
    *SUBSCRIPTION_STATE,
    "created_at",
    "ended_at",
    "trial_start",
    "trial_end",
    "subscription_discounts",
    "subscription_period",
    "items",
    "more",
)


def observations(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Both sides of every point: one row per (subscription, instant, proof, side), items still a list."""
    events = _events(raw).collect().lazy()
    listings = _listings(raw).collect().lazy()
    sides = [
        _before(events),
        _after(events),
        listings.with_columns(side=pl.lit("before"), checked=pl.lit(value=True)),
        listings.with_columns(side=pl.lit("after"), checked=pl.lit(value=True)),
    ]
    return pl.concat([side.select(COLUMNS) for side in sides])


def item_price(item: pl.Expr) -> pl.Expr:
    """The price of an item; items of the oldest versions have a plan of the same id."""
    return pl.coalesce(
        item.struct.field("price").struct.field("id"), item.struct.field("plan").struct.field("id")
    )


def state_key() -> pl.Expr:
    """A text that is equal for equal states of a subscription (items in the order of their ids)."""
    item = pl.element()
    items = pl.col("items").list.eval(
        pl.concat_str(
            item.struct.field("id").fill_null("-"),
            item_price(item).fill_null("-"),
            item.struct.field("quantity").cast(pl.String).fill_null("-"),
            item.struct.field("current_period_start").cast(pl.String).fill_null("-"),
            item.struct.field("discounts").list.join(",").fill_null("-"),
            separator="|",
        ).sort()
    )
    return pl.concat_str(
        pl.col("status").fill_null("-"),
        pl.col("collection_paused").cast(pl.String),
        pl.col("cancel_at").dt.epoch("s").cast(pl.String).fill_null("-"),
        pl.col("cancel_requested_at").dt.epoch("s").cast(pl.String).fill_null("-"),
        pl.col("trial_end").dt.epoch("s").cast(pl.String).fill_null("-"),
        pl.col("subscription_discounts").list.join(",").fill_null("-"),
        pl.col("subscription_period").cast(pl.String).fill_null("-"),
        items.list.join(";").fill_null("-"),
        separator="#",
    )


def points(raw: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """One `before` and one `after` row per (subscription, instant).

    Several events may share a second. Among them the state before is the one that no other of them leaves behind,
    and the state after is the one that no other of them starts from; a listing at the same instant comes last.

    Returns:
        (before, after), each unique on POINT_KEY.
    """
    # Read once: every branch below would decode the payloads again.
    sides = observations(raw).with_columns(state=state_key()).collect().lazy()
    before = sides.filter(pl.col("side") == "before")
    after = sides.filter(pl.col("side") == "after")
    links = [*POINT_KEY, "state"]
    event_before = before.filter(pl.col("kind") != "listing")
    event_after = after.filter(pl.col("kind") != "listing")
    rank = (
        pl.when(pl.col("kind") == "created").then(0)
        .when(pl.col("kind") == "deleted").then(2)
        .when(pl.col("kind") == "listing").then(3)
        .otherwise(1)
    )  # fmt: skip
    left = event_after.select(*links, reached=pl.lit(value=True), other="proof")
    started = event_before.filter("checked").select(*links, left=pl.lit(value=True), other="proof")
    first = (
        before.with_columns(rank=rank)
        .join(_others(left, links, "reached"), on=links, how="left")
        .with_columns(middle=_by_another("reached"))
        .sort(*POINT_KEY, "rank", "middle", "proof")
        .group_by(*POINT_KEY, maintain_order=True)
        .first()
    )
    last = (
        after.with_columns(rank=rank)
        .join(_others(started, links, "left"), on=links, how="left")
        .with_columns(middle=_by_another("left"))
        .sort(*POINT_KEY, "rank", pl.col("middle").not_(), "proof")
        .group_by(*POINT_KEY, maintain_order=True)
        .last()
    )
    return first, last


def _others(rows: pl.LazyFrame, links: list[str], name: str) -> pl.LazyFrame:
    """Which proofs reach (or start from) a state at an instant."""
    return rows.group_by(links).agg(pl.col("other").unique().alias(f"{name}_by"))


def _by_another(name: str) -> pl.Expr:
    """Whether an event other than the row's own reaches (or starts from) its state."""
    by = pl.col(f"{name}_by")
    own = by.list.contains(pl.col("proof"))
    return (by.list.len().fill_null(0) - own.fill_null(value=False).cast(pl.UInt32)) > 0
