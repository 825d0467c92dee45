"""Random books of items at two month ends, and the frames that the mrr room would make of them.

Money is micro-units. Each item has a value at the opening end (in its old rate, plus what the rate did) and one at the
closing end; accounts, movements and components follow from the items.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from hypothesis import strategies as st

from pipeline.schemas import (
    ACCOUNT,
    FX_RATE,
    MRR_ITEM_MOVEMENT,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SCHEDULED,
    MRR_SNAPSHOT,
)
from pipeline.schemas.mrr import ITEM_END

JANUARY = date(2026, 1, 1)
NO_RATES = FX_RATE.empty().lazy()
"""Every item of these books is in the item movements, so that no rate is asked for."""
PLANS, CURRENCIES, INTERVALS = ("Pro", "Team", None), ("usd", "eur"), ("month", "year")
TYPES = ("seat", "plan", "price", "discount", "usage")


@dataclass(frozen=True)
class Book:
    """The frames of the mrr room, and accounts."""

    snapshot: pl.LazyFrame
    movement: pl.LazyFrame
    item_movement: pl.LazyFrame
    component: pl.LazyFrame
    account: pl.LazyFrame


def _end(item: str, plan: str | None, currency: str, interval: str) -> dict[str, str | None]:
    return {
        "subscription_item_id": item,
        "subscription_id": f"sub_{item}",
        "product_id": f"prod_{plan}",
        "plan": plan,
        "currency": currency,
        "billing_interval": interval,
        "pricing_model": "seat",
    }


amounts = st.one_of(st.just(0), st.integers(1, 40_000_000_000))
ends = st.tuples(st.sampled_from(PLANS), st.sampled_from(CURRENCIES), st.sampled_from(INTERVALS))


@st.composite
def items(draw: st.DrawFn, account: str, number: int) -> dict[str, Any]:
    """One item: at both ends, or only at one."""
    where = draw(st.sampled_from(["both", "opening", "closing"]))
    row: dict[str, Any] = {"account_id": account}
    name = f"si_{account}_{number}"
    opening = closing = fx = 0
    empty = dict.fromkeys(ITEM_END)
    row |= {f"opening_{k}": v for k, v in empty.items()}
    row |= {f"closing_{k}": v for k, v in empty.items()}
    if where != "closing":
        row |= {f"opening_{k}": v for k, v in _end(name, *draw(ends)).items()}
        opening = draw(amounts)
        fx = draw(st.integers(-opening // 10, opening // 10))
    if where != "opening":
        row |= {f"closing_{k}": v for k, v in _end(name, *draw(ends)).items()}
        closing = draw(st.one_of(amounts, st.just(opening + fx)))
    row |= {"opening_mrr": opening, "fx_mrr": fx, "closing_mrr": closing}
    row["delta_mrr"] = closing - opening - fx
    cut = draw(st.integers(-1000, 1000))
    first, second = draw(st.permutations(TYPES))[:2]
    row["parts"] = [(first, row["delta_mrr"] - cut), (second, cut)]
    return row


@st.composite
def books(draw: st.DrawFn) -> Book:
    """A book of up to six accounts over one month and two windows."""
    rows: list[dict[str, Any]] = []
    for window in (1, 12):
        for number in range(draw(st.integers(1, 6))):
            account = f"acc_{number}"
            own = [draw(items(account, n)) for n in range(draw(st.integers(1, 4)))]
            before = draw(st.booleans())
            kind = draw(st.sampled_from(["voluntary", "involuntary", "paused", "unknown"]))
            rows += [row | {"window_months": window, "before": before, "kind": kind} for row in own]
    return _book(rows, draw(st.lists(st.sampled_from(["smb", None]), min_size=6, max_size=6)))


def movement_of(opening: int, closing: int, *, before: bool) -> str | None:
    """The account's movement by docs/method.md, without zero-rated subscriptions."""
    if opening == closing:
        return None
    if opening == 0:
        return "reactivation" if before else "new"
    if closing == 0:
        return "churn"
    return "expansion" if closing > opening else "contraction"


def _book(rows: list[dict[str, Any]], owners: list[str | None]) -> Book:
    movements: dict[tuple[int, str], dict[str, Any]] = {}
    for row in rows:
        entry = movements.setdefault(
            (row["window_months"], row["account_id"]),
            dict.fromkeys(("opening_mrr", "fx_mrr", "delta_mrr", "closing_mrr"), 0),
        )
        for name in ("opening_mrr", "fx_mrr", "delta_mrr", "closing_mrr"):
            entry[name] += row[name]
        entry |= {"before": row["before"], "kind": row["kind"]}
    for (window, account), entry in movements.items():
        moved = movement_of(
            entry["opening_mrr"] + entry["fx_mrr"], entry["closing_mrr"], before=entry["before"]
        )
        entry |= {"month": JANUARY, "window_months": window, "account_id": account}
        entry |= {"movement": moved, "churn_kind": entry["kind"] if moved == "churn" else None}
        entry |= {"evidence": "exact", "provisional": False, "policy": "default"}
    full = [
        row
        | {"month": JANUARY}
        | {"movement": movements[row["window_months"], row["account_id"]]["movement"]}
        for row in rows
    ]
    components = [
        {
            "month": JANUARY,
            "window_months": row["window_months"],
            "account_id": row["account_id"],
            "subscription_item_id": row["closing_subscription_item_id"]
            or row["opening_subscription_item_id"],
            "type": kind,
            "paired_item_id": None,
            "product_id": None,
            "movement": row["movement"],
            "amount": amount,
            "evidence": "exact",
        }
        for row in full
        for kind, amount in row["parts"]
        if amount
    ]
    snapshot = [snapshot_row(row) for row in full if row["window_months"] == 1]
    accounts = [
        {"account_id": f"acc_{n}", "owner": owner, "source": "stripe"}
        for n, owner in enumerate(owners)
    ]
    return Book(
        frame(MRR_SNAPSHOT.schema, [row for row in snapshot if row]),
        frame(MRR_MOVEMENT.schema, list(movements.values())),
        frame(MRR_ITEM_MOVEMENT.schema, full),
        frame(MRR_MOVEMENT_COMPONENT.schema, components),
        frame(ACCOUNT.schema, accounts),
    )


def snapshot_row(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The item as the closing snapshot has it; None when it does not count there."""
    if row["closing_subscription_item_id"] is None:
        return None
    closing = {name: row[f"closing_{name}"] for name in ITEM_END}
    return closing | {
        "month": row["month"],
        "account_id": row["account_id"],
        "mrr": row["closing_mrr"],
        "list_mrr": row["closing_mrr"],
        "discount_mrr": 0,
    }


def scheduled_of(snapshot: pl.DataFrame) -> pl.DataFrame:
    """What schedules change: some items get more, some leave for another plan; none that is to end."""
    change = (
        pl.when(pl.int_range(pl.len()) % 2 == 0)
        .then(pl.lit(7_000_001, dtype=pl.Int64))
        .otherwise(-pl.col("mrr"))
    )
    held = snapshot.filter(pl.col("cancel_at").is_null(), pl.col("mrr") > 0)
    changed = held.with_columns(change_mrr=change)
    elsewhere = changed.filter(pl.col("change_mrr") < 0).with_columns(
        pl.format("{} to come", "subscription_item_id").alias("subscription_item_id"),
        plan=pl.lit("To come"),
        change_mrr=pl.lit(3_000_002, dtype=pl.Int64),
    )
    unknown = [pl.lit(None).alias(name) for name in ("schedule_id", "scheduled_at")]
    rows = pl.concat([changed, elsewhere]).lazy().with_columns(unknown)
    return MRR_SCHEDULED.conform(rows).collect()


def frame(schema: pl.Schema, rows: list[dict[str, Any]]) -> pl.LazyFrame:
    """`rows` with the schema's columns; what a row does not say is null."""
    return pl.DataFrame(
        [{name: row.get(name) for name in schema} for row in rows], schema=schema, orient="row"
    ).lazy()


def one_account_each(
    changes: Mapping[str, tuple[int, int]], *, month: date = JANUARY, window: int = 1, **also: Any
) -> Book:
    """One item and account per entry: name -> (opening, closing) in major units, all in dollars on plan Pro."""
    rows: list[dict[str, Any]] = []
    for account, (opening, closing) in changes.items():
        end = _end(f"si_{account}", "Pro", "usd", "month")
        gone = dict.fromkeys(ITEM_END)
        delta = (closing - opening) * 1_000_000
        rows.append(
            {"account_id": account, "window_months": window, "before": False, "kind": "voluntary"}
            | {f"opening_{k}": v for k, v in (end if opening else gone).items()}
            | {f"closing_{k}": v for k, v in (end if closing else gone).items()}
            | {"opening_mrr": opening * 1_000_000, "fx_mrr": 0, "delta_mrr": delta}
            | {"closing_mrr": closing * 1_000_000, "parts": [("seat", delta)]}
            | also
        )
    book = _book(rows, ["Ann Lee"])
    if month == JANUARY:
        return book
    return Book(
        *(
            each.with_columns(month=pl.lit(month)) if "month" in each.collect_schema() else each
            for each in (
                book.snapshot,
                book.movement,
                book.item_movement,
                book.component,
                book.account,
            )
        )
    )
