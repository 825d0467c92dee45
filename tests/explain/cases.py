"""Explanations of hand-written histories."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from pipeline import mrr, schemas
from pipeline.explain import Account, Basis, Component, Explanation, Proof, explain
from pipeline.months import months_between
from tests import in_memory
from tests.history.records import book
from tests.history.stripe_json import CALENDAR, NOW, START, History, item, price

COVERED = {"source_account": "", "covered_from": START, "covered_to": NOW, "sync_id": "s"}
MONTHS = months_between(date(2025, 1, 1), date(2026, 7, 1))


def at(month: int, day: int, hour: int = 8) -> datetime:
    """An instant of 2026."""
    return datetime(2026, month, day, hour, tzinfo=UTC)


BEGUN = at(1, 10)
PRICES = [
    price("p", 1_000, "prod_a"),
    price("p_pro", 2_500, "prod_pro"),
    price("p_dear", 1_200, "prod_a"),
    price("p_year", 9_600, "prod_a", interval="year"),
    price("p_add", 3_000, "prod_add"),
    price("p_use", 1, "prod_use", usage=True),
]
ONE = item("si", "p", 10)


def seconds(instant: datetime) -> int:
    """Seconds since 1970, as Stripe says them."""
    return int(instant.timestamp())


def of(*states: tuple[datetime, dict[str, Any]], **more: Any) -> History:
    """Account `cus_a` with these states of its subscription."""
    return History(PRICES).states(*states, **more)


def explained(
    history: History,
    month: int,
    window: int = 1,
    policy: mrr.Policy | None = None,
    covered: Sequence[Mapping[str, object]] = (COVERED,),
) -> Explanation:
    """Why account `cus_a` moved in a month of 2026."""
    raw = pl.LazyFrame(history.rows, schema=schemas.RAW_RECORD.schema)
    coverage = pl.LazyFrame(covered, schema=schemas.COVERAGE.schema)
    folded = in_memory.fold(raw, coverage)
    basis = Basis(
        book=book(folded, MONTHS),
        raw=raw,
        coverage=coverage,
        discount=folded.discount.lazy(),
        calendar=CALENDAR,
        policy=policy or mrr.Policy(),
    )
    found = explain(basis, Account("cus_a", None), date(2026, month, 1), window)
    assert found.holds
    return found


def only(found: Explanation, kind: str) -> Component:
    """The one component of a type."""
    (component,) = [each for each in found.components if each.type == kind]
    return component


def amounts(found: Explanation) -> dict[str, float]:
    """Type -> amount in dollars; types once each."""
    told = {each.type: each.amount / 1e6 for each in found.components}
    assert len(told) == len(found.components)
    return told


def short(proof: Proof) -> tuple[str | None, datetime | None, str | None, str | None]:
    """(id, instant, before, after)."""
    return proof.id, proof.at, proof.before, proof.after


def proofs(found: Explanation, kind: str) -> list[tuple[object, ...]]:
    """What proves the one component of a type."""
    return [short(each) for each in only(found, kind).proofs]
