"""Customers that belong to another account than before: when, since which month, and what moved with them.

Belongs here: the rows of ACCOUNT_LINK_CHANGE. They touch the months since, as the current link holds for all months.
"""

from datetime import timedelta

import polars as pl

from pipeline import crm
from pipeline.assets.place import Place
from pipeline.schemas import ACCOUNT_LINK, ACCOUNT_LINK_CHANGE, ITEM_TIMELINE


def changes(place: Place, links: pl.DataFrame, mrr_now: pl.LazyFrame) -> pl.DataFrame:
    """ACCOUNT_LINK_CHANGE rows: what differs between the links in the lake and `links`.

    Args:
        place: where.
        links: ACCOUNT_LINK as it is now.
        mrr_now: `customer_id, mrr` of the current month, micro-units.
    """
    found = crm.changed(place.lake.scan(ACCOUNT_LINK), links.lazy())
    moved = mrr_now.group_by("customer_id").agg(moved_mrr=pl.col("mrr").sum())
    return ACCOUNT_LINK_CHANGE.conform(
        found.join(_began(place), on="customer_id", how="left")
        .join(moved, on="customer_id", how="left")
        .with_columns(pl.col("moved_mrr").fill_null(0), at=pl.lit(None))
    ).collect().with_columns(at=_now(place))  # fmt: skip


def _began(place: Place) -> pl.LazyFrame:
    """`customer_id, first_month`: the first month of the history that each customer was subscribed in."""
    calendar = place.calendar()
    began = pl.col("valid_from").min().dt.convert_time_zone(calendar.timezone)
    first = pl.max_horizontal(began.dt.month_start().dt.date(), pl.lit(calendar.first_month))
    return place.lake.scan(ITEM_TIMELINE).group_by("customer_id").agg(first_month=first)


def _now(place: Place) -> pl.Expr:
    """The instant of this run; later than that of every change that is known."""
    last = place.lake.scan(ACCOUNT_LINK_CHANGE).select(pl.col("at").max()).collect().item()
    now = place.settings.now()
    at = max(now, last + timedelta(microseconds=1)) if last is not None else now
    return pl.lit(at, dtype=ACCOUNT_LINK_CHANGE.column("at").dtype)
