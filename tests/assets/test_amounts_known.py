"""Prices in use whose amounts nobody shows are named: in the check of the timeline and in `data_quality`."""

import json
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from pipeline.assets.billing import amounts_known
from tests.history.stripe_json import CALENDAR, History, item, price, state

BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)


def looked(history: History) -> tuple[dg.AssetCheckResult, dict[str, Any]]:
    folded = history.folded()
    return amounts_known(folded.item_timeline.lazy(), folded.price.lazy(), "run", CALENDAR)


def test_they_are_counted_and_named() -> None:
    """Two items of a deleted plan with tiers, beside two of a listed one."""
    gone = price("p_gone", 0) | {
        "billing_scheme": "tiered",
        "tiers_mode": "volume",
        "unit_amount": None,
        "unit_amount_decimal": None,
    }
    history = History([price("p", 1_000)])
    for customer in ("a", "b"):
        shown = item(f"si_{customer}", "p_gone") | {"price": gone}
        history.states((BEGUN, state(shown, item(f"si_{customer}2", "p"))), customer=customer)
    result, row = looked(history)
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 (p_gone usd). Their 2 items count as nothing, inferred." in str(result.description)
    assert (row["run_id"], row["check"]) == ("run", "item_timeline amounts_known")
    assert (row["passed"], row["severity"]) == (False, "warning")
    assert json.loads(row["figures"]) == {"prices": 1, "items": 2}
    assert json.loads(row["examples"]) == ["p_gone usd"]


def test_without_any_the_check_holds() -> None:
    history = History([price("p", 1_000)]).states((BEGUN, state(item("si", "p"))))
    result, row = looked(history)
    assert (result.passed, row["passed"], row["severity"]) == (True, True, "info")


def test_what_has_ended_does_not_warn_for_ever() -> None:
    gone = price("p_gone", 0) | {
        "billing_scheme": "tiered",
        "unit_amount": None,
        "unit_amount_decimal": None,
    }
    shown = item("si", "p_gone") | {"price": gone}
    history = History([price("p", 1_000)]).states(
        (BEGUN, state(shown)), (BEGUN.replace(month=3), state(shown, status="canceled"))
    )
    result, _ = looked(history)
    assert result.passed
