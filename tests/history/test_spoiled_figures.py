"""A record with a spoiled field never becomes a wrong number that is called sure."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson
import polars as pl
import pytest

from pipeline import billing, mrr, schemas
from pipeline.billing.unreadable import SURE
from pipeline.sandbox.company import FEATURES, RARE
from tests import in_memory
from tests.history.records import Histories, Life, book
from tests.history.spoiling import Row, spoiled

END = datetime(2026, 11, 23, tzinfo=UTC)
OWN = ("event", "subscription", "invoice", "invoiceitem", "discount", "customer")
SHARED = ("price", "coupon", "product")
TOGETHER = 30
"""Records of different customers that are spoiled at once."""
SAID = ("mrr", "list_mrr", "discount_mrr", "mrr_native", "currency", "account_id")
Figures = dict[tuple[date, str], dict[str, Any]]


class Spoiling:
    """A company, and what is said of it with and without spoiled records."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.history = Histories([Life(seed, 60, 6, FEATURES | RARE, 60, (15,))], END)
        self.rows = self.history.rows
        self.clean, nothing = self.figures(self.rows)
        assert nothing.is_empty()

    def figures(self, rows: Sequence[Row]) -> tuple[Figures, pl.DataFrame]:
        """(what is said of each item at the end of each month, OBSERVED_UNREADABLE)."""
        evidence = billing.decode(pl.LazyFrame(rows, schema=schemas.RAW_RECORD.schema))
        coverage = pl.LazyFrame(self.history.coverage, schema=schemas.COVERAGE.schema)
        folded = in_memory.fold_evidence(evidence, coverage)
        calendar = self.history.calendar
        found = mrr.snapshot(
            book(folded, calendar.months, self.history.links),
            calendar,
            calendar.months,
            mrr.Policy(),
        )
        rows_of = found.collect().iter_rows(named=True)
        said = {(row["month"], row["subscription_item_id"]): row for row in rows_of}
        return said, evidence.unreadable.collect()

    def some(self) -> tuple[list[Row], list[str]]:
        """The rows with one of what all share spoiled, or one of each of several customers; and what was done."""
        rows, done = list(self.rows), list[str]()
        shared = self.draw.random() < 0.1
        streams, most = (SHARED, 1) if shared else (OWN, TOGETHER)
        spoilt: set[str | None] = set()
        while len(done) < most:
            stream = self.draw.choice(streams)
            number = self.draw.choice([n for n, row in enumerate(rows) if row["stream"] == stream])
            whose = None if shared else customer_of(rows[number])
            new = None if whose in spoilt else spoiled(rows[number], self.draw, END)
            if new is None:
                continue
            row, told = new
            alone = not shared and customer_of(row) != whose
            if alone and done:  # nobody's: it makes everything doubtful, and is looked at by itself
                continue
            rows[number] = row
            done.append(told)
            spoilt.add(whose)
            if alone:
                break
        return rows, done

    def wrong(self, rows: Sequence[Row]) -> list[str]:
        """What is said otherwise than without the spoiled records, and called sure."""
        said, unreadable = self.figures(rows)
        named = set(unreadable.get_column("customer_id"))
        found = []
        for key in self.clean.keys() | said.keys():
            before, after = self.clean.get(key), said.get(key)
            if after is None:
                # Gone: whom it concerned is named.
                fine = not before["mrr"] or bool({before["customer_id"], None} & named)
            else:
                same = before is not None and all(before[name] == after[name] for name in SAID)
                fine = (
                    same or after["evidence"] not in SURE or (before is None and not after["mrr"])
                )
            if not fine:
                found.append(f"{key}: {before} became {after}")
        return found


def customer_of(row: Row) -> str | None:
    """Whom a record concerns."""
    if row["stream"] == "customer":
        return str(row["id"])
    found = orjson.loads(row["payload"])
    for name in ("data", "object", "customer") if row["stream"] == "event" else ("customer",):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def check(seed: int, records: int) -> int:
    """Spoil so many records or a few more; how many were."""
    spoiling, count = Spoiling(seed), 0
    while count < records:
        rows, done = spoiling.some()
        assert spoiling.wrong(rows) == [], done
        count += len(done)
    return count


def test_a_few_spoiled_records(soak_seed: int) -> None:
    assert check(soak_seed, 60) >= 60


@pytest.mark.soak
@pytest.mark.parametrize("number", range(10))
def test_ten_thousand_spoiled_records(soak_seed: int, number: int) -> None:
    assert check(soak_seed + number, 1_000) >= 1_000


def test_a_plausible_value_would_be_seen() -> None:
    """What is tested here can fail: a price that says another amount is another figure."""
    spoiling = Spoiling(1)
    rows = list(spoiling.rows)
    for at, row in enumerate(rows):
        if row["stream"] == "price":
            payload = row["payload"].replace('"unit_amount_decimal":"', '"unit_amount_decimal":"1')
            rows[at] = row | {"payload": payload}
    assert spoiling.wrong(rows)
