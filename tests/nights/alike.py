"""Whether two installations hold the same, whatever happened to one of them.

Belongs here: which columns tell of the nights themselves (when somebody looked, in which run) and not of the company.
"""

import re
from collections.abc import Mapping

import polars as pl

from pipeline.billing.coverage import spans
from pipeline.billing.decoding import EVENT_ITEMS
from pipeline.schemas import ALERT_EVENT, COVERAGE, OBSERVED, RAW_RECORD

OF_NIGHTS = frozenset({"run_id", "sync_id", "observed_at", "updated_at", "slack_ts"})
"""Columns that say when somebody looked, and in which run."""
TOLD_BY_NIGHTS = frozenset(
    f"warehouse.{name}"
    for name in ("source_sync", "data_quality", "alert_evaluation", "slack_outbox")
) | {table.name for table in OBSERVED}
"""Tables with rows of each night, or of each time that something was seen: what is made of those is compared."""
ITEM = "subscription_item_id"
OF_PROOF = ("evidence", "proof", "opened_by", "closed_by")
OF_SIGHT = {"item_timeline": (*OF_PROOF, "valid_from", "valid_to")}
"""Columns of a large subscription that depend on the night on which it was listed."""
SYNC = re.compile(r"sync_[0-9a-f]{16}")
"""The id of a sync, which is the proof of what a listing showed."""
SHOWN = 3
"""Rows of each side that a failure shows."""


def differences(
    one: Mapping[str, pl.DataFrame], other: Mapping[str, pl.DataFrame]
) -> dict[str, list[str]]:
    """Table -> rows that only one of both has; empty when both say the same of the company.

    An event lists ten items. The others are `bounded` until a sync has asked for the subscription, which a night that
    failed puts off (docs/method.md, "How sure we are"); of those subscriptions the states are compared, not the grade.
    """
    found = {}
    large = _large(one)
    for name in sorted((one.keys() | other.keys()) - TOLD_BY_NIGHTS):
        mine, its = (_told(name, each.get(name, pl.DataFrame()), large) for each in (one, other))
        if mine != its:
            found[name] = [
                *(f"- {row}" for row in sorted(mine - its)[:SHOWN]),
                *(f"+ {row}" for row in sorted(its - mine)[:SHOWN]),
            ]
    return found


def _large(tables: Mapping[str, pl.DataFrame]) -> dict[str, frozenset[str]]:
    """The subscriptions that had more items than an event lists, and the accounts that hold them."""
    items = tables["item_timeline"].group_by("subscription_id").agg(pl.n_unique(ITEM))
    subscriptions = frozenset(items.filter(pl.col(ITEM) > EVENT_ITEMS)["subscription_id"])
    held = tables["mrr_snapshot"].filter(pl.col("subscription_id").is_in(subscriptions))
    return {"subscription_id": subscriptions, "account_id": frozenset(held["account_id"])}


def _told(name: str, frame: pl.DataFrame, large: Mapping[str, frozenset[str]]) -> set[str]:
    if name == COVERAGE.name:
        frame = spans(frame.lazy()).collect()  # of how many syncs is another matter
    elif name == RAW_RECORD.name:
        frame = frame.filter(
            stream="event"
        )  # other objects are listed once a week, on whichever night
    elif name == f"warehouse.{ALERT_EVENT.name}":
        frame = frame.drop("at")  # on the first night that went through
    kept = frame.drop(OF_NIGHTS & set(frame.columns))
    key = next((key for key in large if key in kept.columns), None)
    if key:
        mine = pl.col(key).is_in(large[key])
        kept = kept.with_columns(
            pl.when(mine.not_()).then(pl.col(column)).alias(column)
            for column in OF_SIGHT.get(name, OF_PROOF)
            if column in kept.columns
        )
    return set(SYNC.sub("a sync", kept.write_ndjson()).splitlines())
