"""What is scheduled at a month's end: the items that a subscription will have once every planned phase has begun.

Belongs here: the difference between those items and the ones that count, valued by the same policy and rates. A
subscription that is to end anyway (`cancel_at`) has nothing else to come.
Source of the rule: docs/method.md, "Metrics" (committed MRR).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from pipeline import schemas
from pipeline.billing.charges import PRICED_BY
from pipeline.money import convert
from pipeline.months import Calendar
from pipeline.mrr.book import Book
from pipeline.mrr.instants import at_boundaries, valued
from pipeline.mrr.valued import Valued

ITEM = "subscription_item_id"
SUBSCRIPTION = ["month", "subscription_id"]
NAMED = ("account_id", "subscription_id", "schedule_id", "scheduled_at")
ROWS = 50_000
"""Subscriptions with a schedule at month ends that are valued together."""
MEMBERS = ("product_id", "plan", "currency", "billing_interval", "pricing_model")


def scheduled(worths: Valued, calendar: Calendar, months: Sequence[date]) -> pl.DataFrame:
    """What schedules change after the ends of `months` (MRR_SCHEDULED), money in micro-units of the reporting currency.

    A subscription's discounts stay unless the phase names coupons. What a phase has of a price that the subscription
    has already is that item; of a metered price that it does not have nothing is known, so it is worth nothing.
    A schedule of which a price, a coupon or a value is not known changes nothing, nor does one of an account without
    MRR at the month's end: the figures of accounts are of those that have some.

    Args:
        worths: the accounts, valued.
        calendar: when months end.
        months: which.
    """
    planned = _planned(worths)
    together = max(1, ROWS // max(1, planned.book.subscription_phase.collect().height))
    ordered = sorted(months)
    parts = [ordered[at : at + together] for at in range(0, len(ordered), together)]
    found = [_changes(planned, calendar, part) for part in parts]
    return pl.concat([schemas.MRR_SCHEDULED.empty(), *found])


def _planned(worths: Valued) -> Valued:
    """The last phases of these accounts' schedules, and what accounts that have one are worth."""
    theirs = worths.spans.lazy().select("subscription_id", "account_id").unique()
    last = worths.book.subscription_phase.filter("last")
    phases = last.join(theirs, on="subscription_id", how="semi").collect()
    accounts = theirs.join(phases.lazy(), on="subscription_id", how="semi").collect()
    return replace(
        worths,
        book=replace(worths.book, subscription_phase=phases.lazy()),
        spans=worths.spans.join(accounts, on="account_id", how="semi"),
    )


def _changes(worths: Valued, calendar: Calendar, months: Sequence[date]) -> pl.DataFrame:
    """`scheduled` of as many months as fit into memory."""
    plans = _plans(worths.book, calendar, months)
    if plans.is_empty():
        return schemas.MRR_SCHEDULED.empty()
    now = _now(worths, plans)
    to_come = valued(worths.book, _to_come(worths.book, now, plans).lazy(), worths.policy)
    then = to_come.collect()
    lacking = then.filter(pl.col("mrr_native").is_null() | pl.col("price_version").is_null())
    rates = worths.book.fx_rate.select("month", "currency", "rate")
    native, rate = pl.col("mrr_native"), pl.col("rate")
    return (
        schemas.MRR_SCHEDULED.conform(
            pl.concat([then.lazy(), now.lazy().with_columns(-native)], how="diagonal_relaxed")
            .join(lacking.lazy(), on=SUBSCRIPTION, how="anti")
            .join(rates, on=["month", "currency"])
            .group_by("month", ITEM, *NAMED, *MEMBERS)
            .agg(change_mrr=convert(native, rate).sum())
            .filter(pl.col("change_mrr") != 0)
        )
        .sort(schemas.MRR_SCHEDULED.key)
        .collect()
    )


def _plans(book: Book, calendar: Calendar, months: Sequence[date]) -> pl.DataFrame:
    """One row per month and subscription that has something to come at its end (`at`): its schedule's last phase."""
    at, until = pl.col("at"), pl.col("valid_to")
    stands = (pl.col("valid_from") < at) & (until.is_null() | (until >= at))
    return (
        book.subscription_phase.join(
            calendar.ends(months).lazy().select("month", at="boundary"), how="cross"
        )
        .filter(stands)
        .sort(*SUBSCRIPTION, "created_at", "schedule_id")
        .unique(SUBSCRIPTION, keep="last", maintain_order=True)
        .filter(pl.col("ends") | (pl.col("starts_at") >= at))
        .select(
            *SUBSCRIPTION, "at", "ends", "coupons", "items", "schedule_id", scheduled_at="starts_at"
        )
        .collect()
    )


def _now(worths: Valued, plans: pl.DataFrame) -> pl.DataFrame:
    """The items that count at the ends of months, of subscriptions that have plans and are not to end anyway.

    Of accounts that have MRR then; with `number`, which tells items of one price apart.
    """
    ends = plans.lazy().select("month", "at").unique()
    held = at_boundaries(worths.spans.lazy(), plans.get_column("at").unique().to_list())
    there = held.join(ends, on="at").collect().lazy()
    rates = worths.book.fx_rate.select("month", "currency", "rate")
    worth = convert(pl.col("mrr_native"), pl.col("rate"))
    paying = (
        there.select("month", "account_id", "currency", "mrr_native")
        .join(rates, on=["month", "currency"])
        .group_by("month", "account_id")
        .agg(mrr=worth.sum())
        .filter(pl.col("mrr") > 0)
    )
    return (
        there.join(plans.lazy().drop("coupons", "items", "at"), on=SUBSCRIPTION)
        .join(paying, on=["month", "account_id"], how="semi")
        .filter(pl.col("cancel_at").is_null())
        .sort("month", ITEM)
        .with_columns(number=_number(*SUBSCRIPTION, "price_id"))
        .collect()
    )


def _number(*keys: str) -> pl.Expr:
    return pl.int_range(pl.len()).over(*keys)


def _to_come(book: Book, now: pl.DataFrame, plans: pl.DataFrame) -> pl.DataFrame:
    """The items of the last phase as rows of the timeline with their prices; price_version is null where none is."""
    item = pl.col("items").struct
    wanted = (
        plans.filter(pl.col("ends").not_())
        .explode("items", empty_as_null=False, keep_nulls=False)
        .select(
            *SUBSCRIPTION,
            price_id=item.field("price_id"),
            wanted=item.field("quantity"),
            coupons="coupons",
            own_coupons=item.field("coupons"),
        )
        .with_columns(number=_number(*SUBSCRIPTION, "price_id"), place=_number(*SUBSCRIPTION))
    )
    own = [name for name in schemas.ITEM_TIMELINE.names if name not in NAMED]
    state = now.select(*own, *NAMED, "month", "at", "number", "usage_type")
    same = [*SUBSCRIPTION, "price_id", "number"]
    kept = state.join(wanted, on=same)
    # What reduces usage is told by its last bill, what reduces the subscription by the others.
    beside = state.sort("month", pl.col("usage_type") == "metered", ITEM).unique(
        SUBSCRIPTION, keep="first", maintain_order=True
    )
    added = (
        wanted.join(state, on=same, how="anti")
        .join(beside.drop("price_id", "price_version", "number"), on=SUBSCRIPTION)
        .with_columns(
            pl.format("{} {}", "schedule_id", "place").alias(ITEM),
            discounts=_of_level(pl.col("discounts"), item=False),
        )
    )
    known = book.coupon.select("coupon_id").unique().collect().to_series().implode()
    unknown = pl.any_horizontal(
        pl.col(name).list.eval(pl.element().is_in(known).not_()).list.any()
        for name in ("coupons", "own_coupons")
    )
    return (
        pl.concat([kept, _priced(book, added)], how="diagonal_relaxed")
        .lazy()
        .drop("usage_type")
        .with_columns(
            quantity="wanted",
            price_version=pl.when(unknown.fill_null(value=False).not_()).then("price_version"),
            discounts=pl.concat_list(
                _given("own_coupons", "item", _of_level(pl.col("discounts"), item=True)),
                _given("coupons", "subscription", _of_level(pl.col("discounts"), item=False)),
            ),
        )
        .join(book.prices(), on=PRICED_BY, how="left")
        .collect()
    )


def _priced(book: Book, added: pl.DataFrame) -> pl.DataFrame:
    """`added` with the version of their price that is in force `at`; null where its amounts are not known."""
    since, until = pl.col("since"), pl.col("until")
    at = pl.col("at")
    versions = book.price.filter("amount_known").select(
        *PRICED_BY, since="valid_from", until="valid_to"
    )
    rows = added.with_row_index("row")
    found = (
        rows.lazy()
        .select("row", "price_id", "currency", "at")
        .join(versions, on=["price_id", "currency"])
        .filter(since.is_null() | (since < at), until.is_null() | (until >= at))
        .group_by("row")
        .agg(pl.col("price_version").max())
        .collect()
    )
    return rows.join(found, on="row", how="left").drop("row")


def _of_level(discounts: pl.Expr, *, item: bool) -> pl.Expr:
    """The discounts of the item itself, or of what stands above it."""
    own = pl.element().struct.field("level") == "item"
    return discounts.list.filter(own if item else own.not_())


def _given(coupons: str, level: str, otherwise: pl.Expr) -> pl.Expr:
    """Discounts by the coupons that a phase names; what there is, where it names none or in another way."""
    named = pl.col(coupons).list.len().fill_null(0) > 0
    other = pl.col(coupons).list.eval(pl.element().is_null()).list.any().fill_null(value=False)
    refs = pl.col(coupons).list.eval(
        pl.struct(discount_id=pl.element(), coupon_id=pl.element(), level=pl.lit(level))
    )
    return pl.when(named & other.not_()).then(refs).otherwise(otherwise)
