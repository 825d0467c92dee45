"""For every random book, every figure is what a person with the rows and docs/method.md works out, row by row.

Belongs here: the total, an account dimension and an item dimension, computed in plain Python. Members of the past
are in `test_past`.
"""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given

from pipeline.config import Dimensions
from pipeline.metrics import MetricsSpec, Moves, expansion
from tests.metrics.item_books import NO_RATES, Book, books, scheduled_of

SPEC = MetricsSpec(dimensions=Dimensions(account=("owner",), item=("plan",), crossed=()))
SOON = datetime(2026, 3, 1, tzinfo=UTC)
Row = dict[str, Any]
Key = tuple[int, str, str]
"""Window, dimension, member."""


def quality_of(book: Book) -> pl.DataFrame:
    """The snapshot, in which some items have a discount, are scheduled to end, or are past due."""
    place = pl.int_range(pl.len())
    soon = pl.lit(SOON).cast(pl.Datetime("us", "UTC"))
    return book.snapshot.with_columns(
        discount_mrr=pl.when(place % 2 == 0).then(pl.lit(5)).otherwise("discount_mrr"),
        cancel_at=pl.when(place % 3 == 0).then(soon),
        past_due_since=pl.when(place % 5 == 1).then(soon),
    ).collect()


def parts_of(book: Book) -> dict[Key, list[Row]]:
    """What each account adds to each member: its movement, and the amounts of the roll-forward."""
    owners = dict(book.account.select("account_id", "owner").collect().iter_rows())
    found: dict[Key, list[Row]] = defaultdict(list)
    for row in book.movement.collect().to_dicts():
        window = row["window_months"]
        own = {
            "moved": row["movement"],
            "kind": row["churn_kind"],
            "start": row["opening_mrr"],
            "fx": row["fx_mrr"],
            "delta": row["delta_mrr"],
            "in": 0,
            "out": 0,
            "end": row["closing_mrr"],
            "lives": row["closing_mrr"] > 0,
        }
        found[window, "total", "all"].append(own)
        found[window, "owner", owners[row["account_id"]] or "unknown"].append(own)
        for plan, part in plans_of(book, row).items():
            found[window, "plan", plan].append(own | part)
    return found


def plans_of(book: Book, movement: Row) -> dict[str, dict[str, int]]:
    """The amounts of one account by plan: an item that changes plan takes its opening along, and moves there."""
    found: dict[str, dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(("start", "fx", "delta", "in", "out", "end"), 0)
    )
    of = {name: movement[name] for name in ("window_months", "account_id")}
    for item in book.item_movement.filter(**of).collect().to_dicts():
        opens, closes = (
            item[f"{end}_subscription_item_id"] is not None for end in ("opening", "closing")
        )
        before, after = (item[f"{end}_plan"] or "unknown" for end in ("opening", "closing"))
        left, came = found[before if opens else after], found[after if closes else before]
        left["start"] += item["opening_mrr"]
        left["fx"] += item["fx_mrr"]
        came["delta"] += item["delta_mrr"]
        came["end"] += item["closing_mrr"]
        if left is not came:
            left["out"] += item["opening_mrr"] + item["fx_mrr"]
            came["in"] += item["opening_mrr"] + item["fx_mrr"]
    if movement["movement"] is None:
        # The account did not move: what one plan won is another's.
        for part in found.values():
            part["in"] += max(part["delta"], 0)
            part["out"] += max(-part["delta"], 0)
            part["delta"] = 0
    return found


def share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def figures_of(parts: list[Row], window: int) -> Row:
    """The figures of one member, by the formulas of docs/method.md, "Metrics"."""

    def moved(kind: str, sign: int = 1) -> int:
        return sum(sign * each["delta"] for each in parts if each["moved"] == kind)

    def count(kind: str) -> int:
        return sum(each["moved"] == kind and each["delta"] != 0 for each in parts)

    def churned(kind: str) -> int:
        return sum(-e["delta"] for e in parts if e["moved"] == "churn" and e["kind"] == kind)

    start, fx, end = (sum(each[name] for each in parts) for name in ("start", "fx", "end"))
    base, opened = start + fx, [each for each in parts if each["start"] + each["fx"] > 0]
    new, grown, back = moved("new"), moved("expansion"), moved("reactivation")
    contracted, gone = moved("contraction", -1), moved("churn", -1)
    lost = contracted + gone
    expansions = [e["delta"] for e in parts if e["moved"] == "expansion" and e["delta"] > 0]
    largest = sorted(expansions, reverse=True)
    rate = share(grown, base)
    return {
        "starting_mrr": start,
        "fx_mrr": fx,
        "new_mrr": new,
        "expansion_mrr": grown,
        "contraction_mrr": contracted,
        "churned_mrr": gone,
        "reactivation_mrr": back,
        "transfer_in_mrr": sum(each["in"] for each in parts),
        "transfer_out_mrr": sum(each["out"] for each in parts),
        "ending_mrr": end,
        "opening_accounts": len(opened),
        "closing_accounts": sum(each["end"] > 0 for each in parts),
        "new_accounts": count("new"),
        "expanding_accounts": count("expansion"),
        "contracting_accounts": count("contraction"),
        "churned_accounts": count("churn"),
        "reactivated_accounts": count("reactivation"),
        "voluntary_churned_mrr": churned("voluntary"),
        "involuntary_churned_mrr": churned("involuntary"),
        "expansion_arr": 12 * grown,
        "expansion_rate": rate,
        "expansion_rate_annualised": None if rate is None else (1 + rate) ** (12 / window) - 1,
        "nrr": share(base + grown - lost, base),
        "grr": share(base - lost, base),
        "logo_retention": share(sum(each["lives"] for each in opened), len(opened)),
        "quick_ratio": share(new + grown, lost),
        "quick_ratio_with_reactivation": share(new + grown + back, lost),
        "mrr_growth_rate": share(end - base, base),
        "expansion_share_of_new": share(grown, new + grown),
        "expansion_share_of_total": share(grown, end),
        **{f"top{n}_share": share(sum(largest[:n]), grown) for n in (1, 5, 10)},
    }


def quality_by_hand(
    book: Book, snapshot: pl.DataFrame, scheduled: pl.DataFrame
) -> dict[tuple[str, str], Row]:
    """Dimension and member -> MRR with a discount, at risk, and what is scheduled to end or change."""
    owners = dict(book.account.select("account_id", "owner").collect().iter_rows())
    found: dict[tuple[str, str], Row] = defaultdict(
        lambda: dict.fromkeys(("discounted", "risk", "ends", "changes"), 0)
    )

    def keys(item: Row) -> tuple[tuple[str, str], ...]:
        owner, plan = owners[item["account_id"]] or "unknown", item["plan"] or "unknown"
        return ("total", "all"), ("owner", owner), ("plan", plan)

    for item in scheduled.to_dicts():
        for key in keys(item):
            found[key]["changes"] += item["change_mrr"]
    for item in snapshot.to_dicts():
        for key in keys(item):
            ends = item["cancel_at"] is not None
            found[key]["discounted"] += item["mrr"] * (item["discount_mrr"] > 0)
            found[key]["risk"] += item["mrr"] * (ends or item["past_due_since"] is not None)
            found[key]["ends"] += item["mrr"] * ends
    return found


@given(book=books())
def test_every_figure_is_that_of_a_person_with_the_rows(book: Book) -> None:
    snapshot = quality_of(book)
    scheduled = scheduled_of(snapshot)
    found = expansion(
        Moves(snapshot.lazy(), book.movement, book.item_movement, book.component, scheduled.lazy()),
        NO_RATES,
        book.account,
        SPEC,
    ).expansion_metrics
    quality = quality_by_hand(book, snapshot, scheduled)
    expected = {key: figures_of(parts, key[0]) for key, parts in parts_of(book).items()}
    amounts = ("starting_mrr", "fx_mrr", "ending_mrr", "transfer_in_mrr", "transfer_out_mrr")
    buckets = ("new_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr", "reactivation_mrr")
    # A member of which nothing is told has no row, unless something is to come.
    told = {
        key: row for key, row in expected.items() if any(row[name] for name in (*amounts, *buckets))
    }
    to_come = {key for key, held in quality.items() if held["ends"] != held["changes"]}
    expected = {
        (window, *key): figures_of([], window)
        for window in {key[0] for key in told}
        for key in to_come
    } | told
    rows = {
        (row["window_months"], row["dimension"], row["member"]): row
        for row in found.iter_rows(named=True)
    }
    assert rows.keys() == expected.keys()
    for key, row in rows.items():
        for name, value in expected[key].items():
            assert (row[name] is None) == (value is None), (key, name, row[name], value)
            assert value is None or row[name] == pytest.approx(value, rel=1e-12), (key, name)
        held = quality[key[1:]]
        assert row["discounted_mrr"] == held["discounted"], key
        assert row["at_risk_mrr"] == held["risk"], key
        assert row["committed_mrr"] == row["ending_mrr"] - held["ends"] + held["changes"], key
