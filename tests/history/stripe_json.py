"""Hand-written Stripe histories: a subscription's states in order, as the events that Stripe would send.

No simulator: each test states the input and the figure it must give.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from pipeline import mrr, schemas
from pipeline.months import Calendar, add_months
from tests import in_memory
from tests.history.records import _row, book

NOW = datetime(2026, 7, 10, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
CALENDAR = Calendar(now=NOW, first_month=date(2026, 1, 1))
PERIOD = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())

Items = Mapping[str, tuple[str, int | None]]
"""Item id -> (price id, quantity)."""


def price(
    price_id: str,
    cents: int,
    product: str = "prod_a",
    *,
    usage: bool = False,
    interval: str = "month",
) -> dict[str, Any]:
    """A recurring price per unit."""
    return {
        "id": price_id, "object": "price", "created": PERIOD, "currency": "usd", "product": product,
        "billing_scheme": "per_unit", "unit_amount": cents, "unit_amount_decimal": str(cents), "type": "recurring",
        "recurring": {"interval": interval, "interval_count": 1, "usage_type": "metered" if usage else "licensed"},
    }  # fmt: skip


Json = dict[str, Any]


def item(item_id: str, price_id: str, quantity: int | None = 1, *discounts: str) -> Json:
    """An item of a subscription; `states` fills in its dates."""
    return {
        "id": item_id,
        "price": {"id": price_id},
        "quantity": quantity,
        "discounts": list(discounts),
    }


def state(*items: Json, period: datetime | None = None, **more: Any) -> Json:
    """A subscription at an instant: its items, the service period's start (the last one goes on), other fields."""
    return {"items": items, "period": period, **more}


def coupon(coupon_id: str, duration: str = "forever", **more: Any) -> Json:
    """A coupon: `percent_off`, or `amount_off` with `currency`."""
    return {"id": coupon_id, "object": "coupon", "duration": duration, "applies_to": None, **more}


def discount(discount_id: str, coupon_id: str, start: datetime, **more: Any) -> Json:
    """A discount on subscription `sub_a` of customer `cus_a`, unless told otherwise; `end` an instant."""
    end = more.pop("end", None)
    return {
        "id": discount_id, "object": "discount", "customer": "cus_a", "subscription": "sub_a",
        "subscription_item": None, "invoice": None, "invoice_item": None, "start": int(start.timestamp()),
        "end": None if end is None else int(end.timestamp()),
        "source": {"type": "coupon", "coupon": coupon_id}, **more,
    }  # fmt: skip


class History:
    """Events of subscriptions, all known since the start of 2026, or in `spans` of time."""

    def __init__(self, prices: Sequence[dict[str, Any]]) -> None:
        self.spans = [(START, NOW)]
        self.rows = [_row("price", each, NOW) for each in prices]
        products = {each["product"] for each in prices}
        self.rows += [_row("product", {"id": each, "name": each}, NOW) for each in sorted(products)]
        self.count = 0

    def subscription(
        self, customer: str, states: Sequence[tuple[datetime, Items | None]], name: str = ""
    ) -> "History":
        """`states`: (from when, its items); None = canceled at once."""
        before: dict[str, Any] | None = None
        for at, items in states:
            seconds = int(at.timestamp())
            shown = {
                "id": f"sub_{customer}{name}", "object": "subscription", "customer": f"cus_{customer}",
                "currency": "usd", "created": int(states[0][0].timestamp()), "discounts": [],
                "status": "active" if items is not None else "canceled",
                "ended_at": None if items is not None else seconds,
                "items": {
                    "data": [
                        {"id": item, "price": {"id": price_id}, "quantity": quantity, "discounts": [],
                         "created": seconds, "current_period_start": PERIOD}
                        for item, (price_id, quantity) in (items or {}).items()
                    ],
                    "has_more": False,
                },
            }  # fmt: skip
            kind = "created" if before is None else "updated" if items is not None else "deleted"
            data: dict[str, Any] = {"object": shown}
            if kind == "updated" and before is not None:
                data["previous_attributes"] = {"items": before["items"]}
            if kind == "deleted" and before is not None:
                shown["items"] = before["items"]
            self.event(f"customer.subscription.{kind}", seconds, data)
            before = shown
        return self

    def records(self, stream: str, *records: Json, at: datetime = NOW) -> "History":
        """Records of a stream as they were listed, by default at the end."""
        self.rows += [_row(stream, each, at) for each in records]
        return self

    def states(
        self,
        *states: tuple[datetime, Json],
        customer: str = "a",
        name: str = "",
        currency: str = "usd",
        missed: Sequence[int] = (),
    ) -> "History":
        """A subscription's states from its creation on, each told by an event, but for the `missed` ones."""
        created = int(states[0][0].timestamp())
        born: dict[str, int] = {}
        period, before = created, None
        for number, (at, given) in enumerate(states):
            seconds = int(at.timestamp())
            period = int(given["period"].timestamp()) if given["period"] else period
            fields = {key: value for key, value in given.items() if key not in ("items", "period")}
            items = [
                each
                | {
                    "created": born.setdefault(each["id"], seconds),
                    "current_period_start": max(born[each["id"]], period),
                }
                for each in given["items"]
            ]
            shown = {
                "id": f"sub_{customer}{name}", "object": "subscription", "customer": f"cus_{customer}",
                "currency": currency, "created": created, "discounts": [], "status": "active", "ended_at": None,
                "canceled_at": None, "cancel_at": None, "pause_collection": None,
                "trial_start": None, "trial_end": None,
                "items": {"data": items[:10], "has_more": len(items) > 10}, **fields,
            }  # fmt: skip
            if shown["status"] == "canceled":
                shown["ended_at"] = seconds
            kind = "updated" if number else "created"
            kind = "deleted" if shown["status"] == "canceled" else kind
            data: Json = {"object": shown}
            if kind == "updated" and before is not None:
                data["previous_attributes"] = {
                    key: value for key, value in before.items() if value != shown[key]
                }
            if number not in missed:
                self.event(f"customer.subscription.{kind}", seconds, data)
            before = shown
        return self

    def usage(
        self, customer: str, item: str, price_id: str, months: Mapping[date, int]
    ) -> "History":
        """Cents billed for each calendar month of a metered item."""
        for month, cents in months.items():
            start = datetime(month.year, month.month, 1, tzinfo=UTC)
            end = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
            line = _line(f"{item}{month}", cents, price_id, start, end)
            line["parent"]["subscription_item_details"] = {
                "subscription_item": item, "subscription": f"sub_{customer}", "proration": False,
            }  # fmt: skip
            self._invoice(customer, f"in_{item}{month}", end, [line])
        return self

    def usage_invoice(
        self, item_id: str, price_id: str, first: date, cents: Sequence[int], months: int = 1
    ) -> "History":
        """An invoice of customer `a` with several lines for one service period of a metered item."""
        last = add_months(first, months)
        start, end = (datetime(day.year, day.month, 1, tzinfo=UTC) for day in (first, last))
        lines = []
        for number, amount in enumerate(cents):
            line = _line(f"{item_id}{first}_{number}", amount, price_id, start, end)
            line["parent"]["subscription_item_details"] = {
                "subscription_item": item_id, "subscription": "sub_a", "proration": False,
            }  # fmt: skip
            lines.append(line)
        self._invoice("a", f"in_{item_id}{first}", end, lines)
        return self

    def one_off(self, customer: str, at: datetime, cents: int) -> "History":
        """A one-time charge."""
        line = _line(f"once{at:%m%d}", cents, "price_once", at, at)
        line["parent"] = {
            "type": "invoice_item_details",
            "invoice_item_details": {"invoice_item": "ii_once", "proration": False},
        }
        self._invoice(customer, f"in_once{at:%m%d}", at, [line])
        return self

    def _invoice(
        self,
        customer: str,
        invoice: str,
        at: datetime,
        lines: list[dict[str, Any]],
        currency: str = "usd",
        status: str = "paid",
    ) -> None:
        record = {
            "id": invoice, "object": "invoice", "status": status, "customer": f"cus_{customer}",
            "created": int(at.timestamp()), "currency": currency, "discounts": [],
            "lines": {"data": lines, "has_more": False},
        }  # fmt: skip
        self.rows.append(_row("invoice", record, NOW))

    def event(self, kind: str, at: int, data: dict[str, Any]) -> None:
        """One more event of a type, at an instant in seconds."""
        self.count += 1
        record = {
            "id": f"evt_{self.count:04}",
            "object": "event",
            "type": kind,
            "created": at,
            "data": data,
        }
        self.rows.append(_row("event", record, NOW))

    def folded(self) -> in_memory.Billing:
        """What billing makes of it."""
        coverage = [
            {
                "source_account": "",
                "covered_from": since,
                "covered_to": until,
                "sync_id": f"s{place}",
            }
            for place, (since, until) in enumerate(self.spans)
        ]
        return in_memory.fold(
            pl.LazyFrame(self.rows, schema=schemas.RAW_RECORD.schema),
            pl.LazyFrame(coverage, schema=schemas.COVERAGE.schema),
        )

    def mrr_book(self) -> mrr.Book:
        months = [date(2026, number, 1) for number in range(1, 8)]
        return book(self.folded(), months + [date(2025, number, 1) for number in range(1, 13)])

    def movements(self, month: date, window: int = 1, policy: mrr.Policy | None = None) -> "Result":
        """What the product says of a month."""
        return Result(
            mrr.movements(self.mrr_book(), CALENDAR, [month], policy or mrr.Policy(), (window,))
        )

    def snapshot(self, month: date, policy: mrr.Policy | None = None) -> dict[str, Json]:
        """The items that count at the end of a month, by id."""
        found = mrr.snapshot(self.mrr_book(), CALENDAR, [month], policy or mrr.Policy()).collect()
        return {row["subscription_item_id"]: row for row in found.iter_rows(named=True)}


def _line(name: str, cents: int, price_id: str, start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "id": f"il_{name}", "amount": cents, "subtotal": cents, "quantity": 1, "discount_amounts": [],
        "period": {"start": int(start.timestamp()), "end": int(end.timestamp())},
        "pricing": {"price_details": {"price": price_id, "product": "prod_a"}},
        "parent": {"type": "subscription_item_details"},
    }  # fmt: skip


class Result:
    """Movements and components of one month in dollars."""

    def __init__(self, found: mrr.Movements) -> None:
        self.found = found

    @property
    def movement(self) -> dict[str, tuple[str | None, float]]:
        """Account -> (movement, amount)."""
        return {
            row["account_id"]: (row["movement"], row["delta_mrr"] / 1e6)
            for row in self.found.movement.iter_rows(named=True)
        }

    @property
    def evidence(self) -> dict[str, str]:
        """Account -> grade."""
        return dict(self.found.movement.select("account_id", "evidence").iter_rows())

    @property
    def types(self) -> dict[str, float]:
        """Type -> amount over all accounts."""
        sums = self.found.component.group_by("type").agg(pl.col("amount").sum())
        return {kind: amount / 1e6 for kind, amount in sums.iter_rows()}

    def total(self, movement: str) -> float:
        """Sum of one movement."""
        return sum(amount for name, amount in self.movement.values() if name == movement)
