"""The explanation of one account's movement: frames in, an Explanation out.

Belongs here: putting figures, both ends, steps and records together. The figures are those of `mrr.movements` on the
account's part of the book, so they are the published ones as long as the evidence is the same.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from pipeline import mrr
from pipeline.billing.evidence import worst_of
from pipeline.explain import grounds, records
from pipeline.explain.account import Account
from pipeline.explain.explanation import Explanation, Rate, Within
from pipeline.explain.seconds import named
from pipeline.explain.steps import ITEM, steps
from pipeline.explain.told import Told, components
from pipeline.explain.why import why
from pipeline.money import convert
from pipeline.months import Calendar, add_months
from pipeline.mrr.snapshot import account_evidence, month_ends


@dataclass(frozen=True, slots=True)
class Basis:
    """What every explanation is made from.

    Attributes:
        book: what movements are computed from, of all accounts.
        raw: RAW_RECORD of Stripe; looked into only for the records that prove something.
        coverage: COVERAGE.
        discount: DISCOUNT.
        calendar: the reporting calendar.
        policy: the policy in force.
        currency: the reporting currency.
    """

    book: mrr.Book
    raw: pl.LazyFrame
    coverage: pl.LazyFrame
    discount: pl.LazyFrame
    calendar: Calendar
    policy: mrr.Policy
    currency: str = "usd"


def explain(basis: Basis, account: Account, month: date, window_months: int = 1) -> Explanation:
    """Why an account's MRR moved between the ends of `month` and of the month `window_months` before.

    An account without MRR at either end gets an explanation without components.

    Raises:
        Unvalued: an item's price or rate is not known.
        UnknownMonth: the month lies in the future.
    """
    calendar, policy = basis.calendar, basis.policy
    own = _of_account(basis.book, account.account_id)
    opening_month = add_months(month, -window_months)
    ends_of = (opening_month, month)
    opening_at, closing_at = (calendar.boundary(each) for each in ends_of)
    valued = mrr.Valued.of(own, policy)
    moved = mrr.moved(valued, calendar, [month], (window_months,))
    items = own.items().collect().lazy()
    customers = items.select(pl.col("customer_id").unique().sort()).collect().to_series().to_list()
    found = grounds.parts(moved.component, moved.item_movement)
    charged = grounds.charges(own, items, opening_at, closing_at)
    ends = _ends(own, calendar, policy, opening_month, month)
    changed = named(steps(items, policy, opening_at, closing_at).collect(), basis.raw)
    based = grounds.grounds(found, changed, charged, items)
    proofs = _proofs(basis, found, based, ends, customers)
    said = Told(own, charged)
    row = (
        moved.movement.to_dicts()[0] if moved.movement.height else _nothing(own, calendar, ends_of)
    )
    return Explanation(
        account_id=account.account_id,
        name=account.name,
        customers=tuple(customers),
        month=month,
        window_months=window_months,
        opening_month=opening_month,
        opening_at=opening_at,
        closing_at=closing_at,
        currency=basis.currency,
        policy=policy.label,
        movement=row["movement"] or "none",
        rates=_rates(own, ends, ends_of, basis.currency),
        components=components(found, ends, proofs, said),
        unchanged_items=_unchanged(moved, found, ends),
        within=_within(valued, calendar, month) if window_months == 1 else None,
        why=why(items, charged, opening_at, closing_at, row["evidence"]),
        **{
            key: row[key]
            for key in (
                "provisional", "churn_kind", "opening_mrr", "fx_mrr", "delta_mrr", "closing_mrr", "evidence",
            )
        },
    )  # fmt: skip


def _within(valued: mrr.Valued, calendar: Calendar, month: date) -> Within | None:
    found = mrr.within(valued, calendar, [month])
    if found.is_empty():
        return None
    names = ("changes", "up_mrr", "down_mrr", "passing_items")
    return Within(**found.select(names).row(0, named=True))


def _of_account(book: mrr.Book, account_id: str) -> mrr.Book:
    """The part of the book that is about one account."""
    linked = book.account_link.filter(pl.col("account_id") == account_id).select("customer_id")
    links = book.account_link.select("customer_id", other="account_id")
    elsewhere = links.filter(pl.col("other") != account_id).select("customer_id")
    alone = pl.LazyFrame({"customer_id": [account_id]}).join(
        elsewhere, on="customer_id", how="anti"
    )
    customers = pl.concat([linked, alone]).unique().collect().to_series().to_list()
    timeline = book.item_timeline.filter(pl.col("customer_id").is_in(customers)).collect().lazy()
    usage = book.usage_charge.join(timeline.select(ITEM).unique(), on=ITEM, how="semi")
    return replace(
        book,
        item_timeline=timeline,
        usage_charge=usage.collect().lazy(),
        account_link=book.account_link.filter(pl.col("customer_id").is_in(customers))
        .collect()
        .lazy(),
        price=book.price.collect().lazy(),
        coupon=book.coupon.collect().lazy(),
        product=book.product.collect().lazy(),
        fx_rate=book.fx_rate.collect().lazy(),
    )


def _nothing(book: mrr.Book, calendar: Calendar, months: tuple[date, date]) -> dict[str, Any]:
    """The figures of an account without MRR at either end."""
    graded = account_evidence(book, calendar, months).select(worst_of(pl.col("evidence")))
    money = dict.fromkeys(("opening_mrr", "fx_mrr", "delta_mrr", "closing_mrr"), 0)
    return {
        "movement": None,
        "churn_kind": None,
        "evidence": graded.collect().item() or "exact",
        "provisional": not calendar.is_closed(months[1]),
        **money,
    }


def _ends(
    book: mrr.Book, calendar: Calendar, policy: mrr.Policy, opening_month: date, month: date
) -> pl.DataFrame:
    """The items that count at both ends, valued at the closing month's rates; `end` says which."""
    rates = book.fx_rate.filter(pl.col("month") == month).select("currency", "rate")
    return (
        month_ends(book, calendar, [opening_month, month], policy)
        .join(rates, on="currency", how="left")
        .with_columns(
            end=pl.when(pl.col("month") == month)
            .then(pl.lit("closing"))
            .otherwise(pl.lit("opening")),
            value=convert(pl.col("mrr_native"), pl.col("rate")),
            counted=pl.col("steps").list.eval(pl.element().struct.field("discount_id")),
        )
        .collect()
    )


def _proofs(
    basis: Basis,
    found: pl.DataFrame,
    based: pl.DataFrame,
    ends: pl.DataFrame,
    customers: list[str],
) -> pl.DataFrame:
    """Every record that each part rests on, with what it is."""
    lines = records.lines_of(basis.raw, customers, basis.discount, basis.book.coupon)
    every = pl.concat(
        [
            based,
            records.period_lines(based, lines),
            grounds.discounts(found, ends, basis.discount).select(based.columns),
        ]
    )
    looked_up = records.records(
        basis.raw, basis.coverage, lines, every.select("proof", "subscription_id")
    )
    return records.with_records(every, looked_up).sort(
        "part", "at", "aspect", ITEM, "kind", "proof"
    )


def _rates(
    book: mrr.Book, ends: pl.DataFrame, months: tuple[date, date], currency: str
) -> tuple[Rate, ...]:
    """The foreign currencies that were held at the opening end."""
    held = ends.filter(pl.col("end") == "opening", pl.col("currency") != currency)
    rates = book.fx_rate.filter(
        pl.col("currency").is_in(held.get_column("currency").unique().to_list())
    )
    then = rates.filter(pl.col("month") == months[0]).select("currency", opening="rate")
    now = rates.filter(pl.col("month") == months[1]).select("currency", "source", closing="rate")
    both = then.join(now, on="currency", how="full", coalesce=True).sort("currency")
    return tuple(Rate(**row) for row in both.collect().to_dicts())


def _unchanged(moved: mrr.Movements, found: pl.DataFrame, ends: pl.DataFrame) -> int:
    """How many items at both ends have no component; of an account that did not change at all, every item."""
    if moved.item_movement.is_empty():
        return ends.filter(pl.col("end") == "closing").height
    pairs = moved.item_movement.drop_nulls(
        ["opening_subscription_item_id", "closing_subscription_item_id"]
    )
    return pairs.join(
        found,
        left_on=["opening_subscription_item_id", "closing_subscription_item_id"],
        right_on=["opening_item", "closing_item"],
        how="anti",
    ).height
