"""Histories with discounts: the dates, prices and invoices that their tests share."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from tests.history.stripe_json import History, Json, price

PRICES = [price("plan", 10_000, "prod_a")]
JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 10, 8, tzinfo=UTC) for month in (1, 2, 3))
PRO = price("pro", 20_000, "prod_b")
APRIL = datetime(2026, 4, 10, 8, tzinfo=UTC)
MID_MARCH = MARCH.replace(day=20)


def march(history: History) -> tuple[int, str]:
    """The item's micro-units a month at the end of March, and its grade."""
    row: dict[str, Any] = history.snapshot(date(2026, 3, 1))["si"]
    return row["mrr_native"], row["evidence"]


def february(history: History) -> tuple[int, str]:
    """The same at the end of February."""
    row: dict[str, Any] = history.snapshot(date(2026, 2, 1))["si"]
    return row["mrr_native"], row["evidence"]


def line(
    name: str, at: datetime, until: datetime, cents: int, **reduced: int
) -> tuple[datetime, Json]:
    """An ordinary line of `si` for $100 of prod_a, less what each discount took off."""
    return at, {
        "id": f"il_{name}", "amount": cents, "subtotal": cents, "quantity": 1,
        "discount_amounts": [{"discount": each, "amount": amount} for each, amount in reduced.items()],
        "period": {"start": int(at.timestamp()), "end": int(until.timestamp())},
        "pricing": {"price_details": {"price": "plan", "product": "prod_a"}},
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {
                "subscription_item": "si", "subscription": "sub_a", "proration": False,
            },
        },
    }  # fmt: skip


def billed(history: History, *lines: tuple[datetime, Json], above: Sequence[str] = ()) -> History:
    """An invoice for each line, paid at once; it names the discounts `above` its lines."""
    for number, (at, each) in enumerate(lines):
        invoice = {
            "id": f"in_{number}", "object": "invoice", "status": "paid", "customer": "cus_a",
            "created": int(at.timestamp()), "currency": "usd",
            "discounts": list(above), "lines": {"data": [each], "has_more": False},
        }  # fmt: skip
        history.records("invoice", invoice)
    return history


def drafted(history: History) -> History:
    """The same with all its invoices as drafts."""
    for row in history.rows:
        if row["stream"] == "invoice":
            row["payload"] = row["payload"].replace('"paid"', '"draft"')
    return history
