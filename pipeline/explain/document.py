"""An explanation as JSON.

Belongs here: keys, which are part of the contract: money as exact decimal strings in major units, rates likewise,
instants in ISO 8601 (UTC), months as `2026-10`.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pipeline.explain.explanation import Component, End, Explanation, Proof, Within
from pipeline.money import MICRO, RATE_SCALE
from pipeline.months import key_of


def document(found: Explanation) -> dict[str, Any]:
    """The explanation with the keys of `expansion explain --json`."""
    return {
        "account_id": found.account_id,
        "name": found.name,
        "customers": list(found.customers),
        "month": key_of(found.month),
        "window_months": found.window_months,
        "opening_month": key_of(found.opening_month),
        "opening_at": instant(found.opening_at),
        "closing_at": instant(found.closing_at),
        "provisional": found.provisional,
        "currency": found.currency,
        "policy": found.policy,
        "movement": found.movement,
        "churn_kind": found.churn_kind,
        "opening_mrr": money(found.opening_mrr),
        "fx_mrr": money(found.fx_mrr),
        "delta_mrr": money(found.delta_mrr),
        "closing_mrr": money(found.closing_mrr),
        "fx": [
            {
                "currency": each.currency,
                "opening_rate": _rate(each.opening),
                "closing_rate": _rate(each.closing),
                "source": each.source,
            }
            for each in found.rates
        ],
        "components": [_component(each) for each in found.components],
        "unchanged_items": found.unchanged_items,
        "within_month": None if found.within is None else _within(found.within),
        "check": {"components_sum": money(found.components_sum), "holds": found.holds},
        "evidence": found.evidence,
        "why": list(found.why),
    }


def _within(each: Within) -> dict[str, Any]:
    return asdict(each) | {name: money(getattr(each, name)) for name in ("up_mrr", "down_mrr")}


def _component(each: Component) -> dict[str, Any]:
    return {
        "type": each.type,
        "amount": money(each.amount),
        "subscription_item_id": each.subscription_item_id,
        "paired_item_id": each.paired_item_id,
        "product_id": each.product_id,
        "plan": each.plan,
        "said": each.said,
        "from_value": money(each.from_value),
        "to_value": money(each.to_value),
        "evidence": each.evidence,
        "opening": _end(each.opening),
        "closing": _end(each.closing),
        "proofs": [_proof(proof) for proof in each.proofs],
    }


def _end(end: End | None) -> dict[str, Any] | None:
    if end is None:
        return None
    amounts = {
        name: money(getattr(end, name))
        for name in ("list_native", "discount_native", "mrr_native", "value")
    }
    return asdict(end) | amounts | {"discounts": list(end.discounts), "rate": _rate(end.rate)}


def _proof(proof: Proof) -> dict[str, Any]:
    return asdict(proof) | {
        name: instant(getattr(proof, name)) for name in ("at", "since", "recorded_at")
    }


def money(amount: int) -> str:
    """Micro-units as an exact decimal string in major units."""
    return f"{Decimal(amount) / MICRO:.6f}"


def _rate(rate: int | None) -> str | None:
    return None if rate is None else f"{Decimal(rate) / RATE_SCALE:.12f}"


def instant(at: datetime | None) -> str | None:
    """An instant in ISO 8601, in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat()
