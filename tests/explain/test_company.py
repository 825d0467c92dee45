"""Explanations of a simulated company: the figures are the stored ones, and every proof is a record that is there."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import orjson
import polars as pl
import pytest

from pipeline import mrr, schemas
from pipeline.explain import Account, Basis, Explanation, Proof, agrees, explain
from pipeline.sandbox.company import FEATURES, RARE
from tests.history.records import Histories, Life, book

END = datetime(2026, 11, 23, 6, tzinfo=UTC)
ALL = FEATURES | RARE
WINDOWS = (1, 3, 12)
A_TYPE = 3
OF_A_PERIOD = ("usage", "discount")
Key = tuple[date, int, str]


@dataclass
class Told:
    """Two companies, one read every few days from its start and one read late and rarely, and what is stored."""

    histories: Histories

    @cached_property
    def basis(self) -> Basis:
        folded = self.histories.folded()
        return Basis(
            book=book(folded, self.histories.calendar.months, self.histories.links),
            raw=pl.LazyFrame(self.histories.rows, schema=schemas.RAW_RECORD.schema),
            coverage=pl.LazyFrame(self.histories.coverage, schema=schemas.COVERAGE.schema),
            discount=folded.discount.lazy(),
            calendar=self.histories.calendar,
            policy=mrr.Policy(),
        )

    @cached_property
    def stored(self) -> mrr.Movements:
        months = [
            month for month in self.histories.months if month >= self.histories.calendar.months[12]
        ]
        return mrr.movements(
            self.basis.book, self.basis.calendar, months, self.basis.policy, WINDOWS
        )

    @cached_property
    def ids(self) -> set[str]:
        """Every id that a proof may have: of records, syncs and invoice lines."""
        found: set[str] = set()
        for row in self.histories.rows:
            found |= {row["id"], row["sync_id"]}
            if row["stream"] == "invoice":
                found |= {line["id"] for line in orjson.loads(row["payload"])["lines"]["data"]}
        return found

    @cached_property
    def events(self) -> dict[str, Any]:
        """The data of every event by its id."""
        rows = [row for row in self.histories.rows if row["stream"] == "event"]
        return {row["id"]: orjson.loads(row["payload"])["data"] for row in rows}

    def sample(self) -> list[Key]:
        """Account-months with each type of component and window, some without any."""
        draw = random.Random(0)
        key = ["month", "window_months", "account_id"]
        by_type = self.stored.component.sort(*key).partition_by("type", "window_months")
        chosen = [
            draw.sample(rows := part.select(key).unique().sort(key).rows(), min(len(rows), A_TYPE))
            for part in by_type
        ]
        still = self.stored.movement.join(self.stored.component, on=key, how="anti").sort(key)
        chosen.append(draw.sample(still.select(key).rows(), A_TYPE))
        return sorted({each for part in chosen for each in part})

    def explained(self, key: Key) -> Explanation:
        month, window, account = key
        return explain(self.basis, Account(account, None), month, window)

    def rows(self, frame: pl.DataFrame, key: Key) -> pl.DataFrame:
        month, window, account = key
        return frame.filter(
            pl.col("month") == month,
            pl.col("window_months") == window,
            pl.col("account_id") == account,
        )


@pytest.fixture(scope="module")
def told() -> Told:
    often = Life(seed=31, customers=25, months=16, features=ALL, first=1, gaps=(9, 20))
    late = Life(seed=32, customers=25, months=16, features=ALL, first=300, gaps=(40,))
    return Told(Histories([often, late], END))


def _proofs(found: Explanation) -> Iterator[Proof]:
    for component in found.components:
        assert component.proofs, component
        yield from component.proofs


def _says(data: dict[str, Any], proof: Proof) -> bool:
    """Whether an event itself tells that the item's quantity or price changed in this way.

    That of a price tells that it was updated, not its options.
    """
    if data["object"]["object"] == "price":
        names = {str(each).partition(" ")[0] for each in (proof.before, proof.after)}
        return proof.aspect == "price" and names == {data["object"]["id"]}

    def of(shown: dict[str, Any]) -> str | None:
        for item in (shown.get("items") or {}).get("data", ()):
            if item["id"] == proof.subscription_item_id:
                price = item.get("price") or item["plan"]
                return str(item["quantity"] if proof.aspect == "quantity" else price["id"])
        return None

    # After a price's id stands what inclusive tax leaves of it; that alone may change as well.
    before, after = (str(each).partition(" ")[0] for each in (proof.before, proof.after))
    told = (of(data.get("previous_attributes") or {}), of(data["object"]))
    return told == (before, after) or (before == after == told[1] and proof.before != proof.after)


def _wrong(told: Told, found: Explanation, proof: Proof) -> str | None:
    """What is wrong with a proof."""
    if proof.kind == "unknown" or proof.id not in told.ids:
        return "not in the raw store"
    if proof.at is None:
        return "no instant"
    if proof.aspect not in OF_A_PERIOD and not found.opening_at <= proof.at < found.closing_at:
        return "outside the window"
    if proof.aspect in OF_A_PERIOD and not proof.at <= found.closing_at:
        return "after the window"
    sure = proof.kind == "event" and proof.evidence == "exact"
    if sure and proof.aspect in ("quantity", "price") and not _says(told.events[proof.id], proof):
        return "the event says something else"
    return None


@pytest.mark.slow
def test_figures_are_the_stored_ones_and_every_proof_is_there(told: Told) -> None:
    wrong: list[Any] = []
    kinds: set[str] = set()
    types: set[str] = set()
    for key in told.sample():
        found = told.explained(key)
        movement = told.rows(told.stored.movement, key)
        if not (found.holds and agrees(found, movement, told.rows(told.stored.component, key))):
            wrong.append((key, "other figures"))
        for proof in _proofs(found):
            kinds.add(proof.kind)
            if reason := _wrong(told, found, proof):
                wrong.append((key, reason, proof))
        for each in found.components:
            types.add(each.type)
            ends = (
                each.opening.value if each.opening else 0,
                each.closing.value if each.closing else 0,
            )
            path = [
                c for c in found.components if c.subscription_item_id == each.subscription_item_id
            ]
            if (path[0].from_value, path[-1].to_value) != ends:
                wrong.append((key, "the path does not lead from one end to the other", each))
    assert not wrong, wrong[:5]
    assert types == {
        "new", "churn", "reactivation", "seat", "plan", "interval", "price", "discount", "usage", "add_on",
        "cross_sell",
    }  # fmt: skip
    assert kinds == {"event", "listing", "invoice_line", "invoice_item", "invoice", "discount"}
