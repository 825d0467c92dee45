"""Comparing what the product publishes with what really happened."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from pipeline.sandbox.truth import Truth

ITEM_FIELDS = ("list_mrr", "discount_mrr", "mrr", "mrr_native", "price_id", "quantity", "status")
ACCOUNT_FIELDS = ("movement", "opening_mrr", "fx_mrr", "delta_mrr", "closing_mrr")


@dataclass
class Comparison:
    """Account-months by grade, and those that differ from the truth."""

    graded: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def note(self, grade: str, right: bool, example: str) -> None:
        self.graded[grade] += 1
        if not right:
            self.wrong[grade] += 1
            self.examples.setdefault(grade, []).append(example)


def _parts(frame: pl.DataFrame) -> dict[str, dict[tuple[str, str], tuple[int, str | None]]]:
    found: dict[str, dict[tuple[str, str], tuple[int, str | None]]] = {}
    for row in frame.iter_rows(named=True):
        key = (row["subscription_item_id"], row["type"])
        found.setdefault(row["account_id"], {})[key] = (row["amount"], row["paired_item_id"])
    return found


def compare_accounts(
    truth: Truth,
    movement: pl.DataFrame,
    component: pl.DataFrame,
    months: Sequence[date],
    window: int,
) -> Comparison:
    """Every account-month of a window: movement, roll-forward and components, to the micro-unit."""
    found = Comparison()
    for month in months:
        here = pl.col("month") == month
        rows = {row["account_id"]: row for row in movement.filter(here).iter_rows(named=True)}
        parts = _parts(component.filter(here))
        true = truth.movements(month, window)
        true_parts: dict[str, dict[tuple[str, str], tuple[int, str | None]]] = {}
        for (account, item, kind), part in truth.components(month, window).items():
            true_parts.setdefault(account, {})[item, kind] = (part.amount, part.paired_item_id)
        for account in {*true, *rows}:
            expected, row = true.get(account), rows.get(account)
            if row is None and expected is not None and not _told(expected):
                continue  # holds items, but no MRR at either end: not a row of the table
            grade = "missing" if row is None else row["evidence"]
            right = (
                row is not None
                and (
                    _same(expected, row)
                    if expected is not None
                    else not row["opening_mrr"] | row["closing_mrr"]
                )
                and true_parts.get(account, {}) == parts.get(account, {})
            )
            true_said = f"true {expected} {true_parts.get(account)}"
            told = f"{month:%Y-%m} {window} {account}: {true_said}, got {row} {parts.get(account)}"
            found.note(grade, right, told)
    return found


def _told(expected: Any) -> bool:
    return bool(expected.opening_mrr or expected.closing_mrr or expected.fx_mrr)


def _same(expected: Any, row: dict[str, Any]) -> bool:
    return all(getattr(expected, name) == row[name] for name in ACCOUNT_FIELDS)


def compare_items(truth: Truth, snapshot: pl.DataFrame, months: Sequence[date]) -> list[str]:
    """The items of each month's snapshot that differ from the truth."""
    wrong = []
    for month in months:
        rows = {
            row["subscription_item_id"]: row
            for row in snapshot.filter(pl.col("month") == month).iter_rows(named=True)
        }
        true = truth.snapshot(month)
        for item in {*rows, *true}:
            expected, row = true.get(item), rows.get(item)
            if (
                expected is None
                or row is None
                or any(getattr(expected, name) != row[name] for name in ITEM_FIELDS)
            ):
                wrong.append(f"{month:%Y-%m} {item}: true {expected}, got {row}")
    return wrong
