"""Worked examples of docs/method.md, "Value of an item"."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pipeline import mrr
from pipeline.mrr import Policy
from tests.docs.page import Example, Figure, Rows
from tests.history.stripe_json import CALENDAR, History, coupon, discount, item, price, state

BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)
MONTHS = [date(2026, number, 1) for number in range(1, 7)]
JANUARY, FEBRUARY, MARCH, APRIL, _, _ = MONTHS
Json = dict[str, Any]


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 8, tzinfo=UTC)


def dollars(micro: int) -> Decimal:
    return Decimal(micro) / 1_000_000


def cents(amount: str, **more: Any) -> Json:
    """A price of `amount` minor units a month."""
    shown = price("p", 0) | {"unit_amount": None, "unit_amount_decimal": amount}
    recurring = shown["recurring"] | more.pop("recurring", {})
    return shown | {"recurring": recurring} | more


def worth(shown: Json, quantity: int | None = 1, currency: str = "usd") -> Decimal:
    """What one item of a price is worth a month, in its own currency."""
    history = History([shown]).states(
        (BEGUN, state(item("si", shown["id"], quantity))), currency=currency
    )
    return dollars(history.snapshot(JANUARY)["si"]["mrr_native"])


def rounding() -> Rows:
    yearly = cents("12.345", recurring={"interval": "year"})
    return {
        "7 units at 12.345 cents a year": ("0.0720125", worth(yearly, 7)),
        "21 units at 12.345 cents a year": ("0.2160375", worth(yearly, 21)),
    }


def intervals() -> Rows:
    shown = {
        "a day": ("day", 1),
        "30 days": ("day", 30),
        "a week": ("week", 1),
        "2 weeks": ("week", 2),
        "a month": ("month", 1),
        "3 months": ("month", 3),
        "6 months": ("month", 6),
        "a year": ("year", 1),
        "2 years": ("year", 2),
    }

    def monthly(interval: str, count: int) -> Decimal:
        return worth(cents("1000", recurring={"interval": interval, "interval_count": count}))

    found = {f"$10 per {name.removeprefix('a ')}": monthly(*each) for name, each in shown.items()}
    return {name: (value, value) for name, value in found.items()}


def tiers(mode: str) -> Json:
    """1 to 5 at $10; 6 to 20 at $8 and $5 flat; from 21 on $5 and $25 flat."""
    steps = [(5, "1000", "0"), (20, "800", "500"), (None, "500", "2500")]
    shown = [
        {"up_to": up_to, "unit_amount_decimal": unit, "flat_amount_decimal": flat}
        for up_to, unit, flat in steps
    ]
    return cents("0", billing_scheme="tiered", tiers_mode=mode, tiers=shown) | {
        "unit_amount_decimal": None
    }


def prices() -> Rows:
    packs = {"divide_by": 10}
    up = cents("500", transform_quantity=packs | {"round": "up"})
    down = cents("500", transform_quantity=packs | {"round": "down"})
    option = cents("1000", currency_options={"eur": {"unit_amount_decimal": "950"}})
    found = {
        "3 seats at $19.99": worth(cents("1999"), 3),
        "graduated tiers, 5 units": worth(tiers("graduated"), 5),
        "graduated tiers, 6 units": worth(tiers("graduated"), 6),
        "graduated tiers, 21 units": worth(tiers("graduated"), 21),
        "volume tiers, 5 units": worth(tiers("volume"), 5),
        "volume tiers, 6 units": worth(tiers("volume"), 6),
        "volume tiers, 21 units": worth(tiers("volume"), 21),
        "packs of 10 at $5, rounded up, 21 units": worth(up, 21),
        "packs of 10 at $5, rounded down, 29 units": worth(down, 29),
        "1,234 units at 0.05 cents": worth(cents("0.05"), 1234),
        "2 seats at $10, subscribed in euros, where the price says €9.50": worth(option, 2, "eur"),
        "1 seat at ¥980 (a currency without cents)": worth(cents("980", currency="jpy"), 1, "jpy"),
    }
    return {name: (value, value) for name, value in found.items()}


PRICES = [
    price("p100", 10_000, "prod_a"),
    price("p50", 5_000, "prod_b"),
    price("p15", 1_500, "prod_c"),
    price("p1200", 120_000, "prod_y", interval="year"),
]
COUPONS = [
    coupon("half", percent_off=50),
    coupon("fifth", percent_off=20),
    coupon("tenth", percent_off=10),
    coupon("12usd", amount_off=1_200, currency="usd"),
    coupon("20usd", amount_off=2_000, currency="usd"),
    coupon("500usd", amount_off=50_000, currency="usd"),
    coupon("half_b", percent_off=50, applies_to={"products": ["prod_b"]}),
]


def discounted(
    items: Iterable[str], *shared: str, own: Mapping[str, str] | None = None, customer: str = ""
) -> dict[str, Json]:
    """The snapshot of items of these prices under coupons of the subscription, of items and of the customer."""
    history = History(PRICES).records("coupon", *COUPONS)
    lines = []
    for price_id in items:
        name, given = f"si_{price_id}", (own or {}).get(price_id)
        lines.append(item(name, price_id, 1, *([f"di_{name}"] if given else [])))
        if given:
            own_discount = discount(f"di_{name}", given, BEGUN, subscription_item=name)
            history.records("discount", own_discount)
    history.records("discount", *(discount(f"di_{each}", each, BEGUN) for each in shared))
    if customer:
        history.records("discount", discount("di_cus", customer, BEGUN, subscription=None))
    history.states((BEGUN, state(*lines, discounts=[f"di_{each}" for each in shared])))
    return history.snapshot(JANUARY)


def summed(found: Mapping[str, Json]) -> tuple[Figure, ...]:
    """List, discount and MRR of all items."""
    columns = ("list_mrr", "discount_mrr", "mrr")
    return tuple(dollars(sum(row[column] for row in found.values())) for column in columns)


def discounts() -> Rows:
    found = {
        "$100, 20% off": discounted(["p100"], "fifth"),
        "$100, 50% off the item and 20% off the subscription": discounted(
            ["p100"], "fifth", own={"p100": "half"}
        ),
        "$100, first 10% off, then $20 off": discounted(["p100"], "tenth", "20usd"),
        "$100, first $20 off, then 10% off": discounted(["p100"], "20usd", "tenth"),
        "$100, $500 off": discounted(["p100"], "500usd"),
        "product A $100 and B $50, 50% off product B": discounted(["p100", "p50"], "half_b"),
        "$100, the customer has 50% off": discounted(["p100"], customer="half"),
        "$100, the customer has 50% off, the subscription 20%": discounted(
            ["p100"], "fifth", customer="half"
        ),
        "$1,200 a year, $12 off the item": discounted(["p1200"], own={"p1200": "12usd"}),
        "$15 a month and $1,200 a year, $12 off the subscription": discounted(
            ["p15", "p1200"], "12usd"
        ),
    }
    return {name: summed(each) for name, each in found.items()}


def inclusive_tax() -> Rows:
    def charged(
        cents: int, *coupons: Json, inclusive: bool = True, computed: int = 0
    ) -> tuple[Figure, ...]:
        rates = [{"id": "txr", "inclusive": inclusive, "percentage": 19.0}]
        fields = {
            "default_tax_rates": [] if computed else rates,
            "automatic_tax": {"enabled": bool(computed)},
            "discounts": [f"di_{each['id']}" for each in coupons],
        }
        history = History([price("p", cents)]).records("coupon", *coupons)
        history.records("discount", *(discount(f"di_{c['id']}", c["id"], BEGUN) for c in coupons))
        if computed:
            line = {
                "id": "il", "amount": cents, "subtotal": cents, "quantity": 1, "discount_amounts": [],
                "period": {"start": int(BEGUN.timestamp()), "end": int(BEGUN.timestamp()) + 31 * 86_400},
                "parent": {"type": "subscription_item_details", "subscription_item_details": {
                    "subscription_item": "si", "subscription": "sub_a", "proration": False}},
                "pricing": {"price_details": {"price": "p", "product": "prod_a"}},
                "taxes": [{"amount": computed, "tax_behavior": "inclusive"}],
            }  # fmt: skip
            history.records("invoice", {
                "id": "in", "customer": "cus_a", "status": "paid", "created": int(BEGUN.timestamp()), "currency": "usd",
                "discounts": [], "lines": {"data": [line], "has_more": False},
            })  # fmt: skip
        return summed(history.states((BEGUN, state(item("si", "p"), **fields))).snapshot(JANUARY))

    off = coupon("amount", amount_off=1_190, currency="usd")
    return {
        "$119, 19% inside": charged(11_900),
        "$119, 19% on top": charged(11_900, inclusive=False),
        "$119, 19% inside, 20% off": charged(11_900, coupon("fifth", percent_off=20)),
        "$119, 19% inside, $11.90 off": charged(11_900, off),
        "$33.33, automatic tax, $5.32 of it tax": charged(3_333, computed=532),
    }


def shared_discount() -> Rows:
    found = discounted(["p100", "p50", "p15"], "20usd")
    names = {"si_p100": "A, $100", "si_p50": "B, $50", "si_p15": "C, $15"}
    return {name: summed({item_id: found[item_id]}) for item_id, name in names.items()}


def over_months(
    history: History, months: Sequence[date], policy: Policy | None = None
) -> list[Json]:
    """The one item of the history at the end of each month; it counts in all of them."""
    found = mrr.snapshot(history.mrr_book(), CALENDAR, months, policy or Policy()).collect()
    by_month = {row["month"]: row for row in found.iter_rows(named=True)}
    return [by_month[month] for month in months]


def _worths(history: History, months: Sequence[date], policy: Policy | None = None) -> list[Figure]:
    return [dollars(row["mrr_native"]) for row in over_months(history, months, policy)]


def _under(
    duration: str, percent: int, price_id: str, end: datetime | None, *, renews: bool = True
) -> list[Figure]:
    """The ends of January to June of a plan that began on 10 January under one coupon."""
    more = {"duration_in_months": 3} if duration == "repeating" else {}
    history = History(PRICES)
    history.records("coupon", coupon("c", duration, percent_off=percent, **more))
    history.records("discount", discount("di", "c", BEGUN, end=end))

    def held(now: datetime) -> list[str]:
        return ["di"] if end is None or now < end else []

    starts = [BEGUN, *(at(month, 10) for month in range(2, 7) if renews)]
    instants = sorted({*starts, *([end] if end and end not in starts else [])})
    history.states(
        *(
            (
                now,
                state(
                    item("si", price_id), period=now if now in starts else None, discounts=held(now)
                ),
            )
            for now in instants
        )
    )
    return _worths(history, MONTHS)


def coupon_durations() -> Rows:
    three_months = at(4, 10)
    return {
        "20% for ever, $100 a month": _under("forever", 20, "p100", None),
        "50% for 3 months, $100 a month": _under("repeating", 50, "p100", three_months),
        "50% for 3 months, $1,200 a year": _under(
            "repeating", 50, "p1200", three_months, renews=False
        ),
        "25% until 20 March, $100 a month": _under("repeating", 25, "p100", at(3, 20)),
        "50% once, $100 a month": _under("once", 50, "p100", at(2, 10)),
    }


def usage() -> Rows:
    def billed(months: int, charges: Mapping[date, int]) -> History:
        metered = cents("2", recurring={"usage_type": "metered", "interval_count": months})
        history = History([metered]).states((BEGUN, state(item("si", "p", None))))
        for first, amount in charges.items():
            history.usage_invoice("si", "p", first, [amount], months=months)
        return history

    monthly = billed(1, {JANUARY: 3100, FEBRUARY: 2800, MARCH: 6200})
    quarterly = billed(3, {JANUARY: 9000})
    return {
        "$31 for January, $28 for February, $62 for March": _worths(monthly, MONTHS[:4]),
        "the same under `usage = per_day`": _worths(monthly, MONTHS[:4], Policy(usage="per_day")),
        "$90 for January to March, billed by the quarter": _worths(quarterly, MONTHS[:4]),
    }


def statuses() -> Rows:
    soon = {"cancel_at": int(at(6, 10).timestamp()), "canceled_at": int(at(2, 3).timestamp())}
    pause = {"pause_collection": {"behavior": "void", "resumes_at": None}}
    trial = {"trial_start": int(BEGUN.timestamp()), "trial_end": int(at(4, 10).timestamp())}
    shown: dict[str, Json] = {
        "`active`": {},
        "`past_due`": {"status": "past_due"},
        "`active`, cancelled to the end of the period": soon,
        "`active`, but collection is paused": pause,
        "`trialing`": {"status": "trialing", **trial},
        "`paused`": {"status": "paused"},
        "`unpaid`": {"status": "unpaid"},
        "`incomplete`": {"status": "incomplete"},
        "`canceled`": {"status": "canceled"},
    }

    def counted(fields: Json) -> Decimal:
        history = History(PRICES).states(
            (BEGUN, state(item("si", "p100"))), (at(2, 3), state(item("si", "p100"), **fields))
        )
        return Decimal(sum(row["mrr"] for row in history.snapshot(FEBRUARY).values())) / 1_000_000

    return {name: (counted(fields),) for name, fields in shown.items()}


def month_ends() -> Rows:
    midnight = datetime(2026, 4, 1, tzinfo=UTC)

    def change(instant: datetime) -> tuple[Figure, ...]:
        history = History(PRICES).states(
            (BEGUN, state(item("si", "p100"))), (instant, state(item("si", "p100", 2)))
        )
        return tuple(_worths(history, (FEBRUARY, MARCH, APRIL)))

    return {
        "31 March, 23:59:59": change(midnight - timedelta(seconds=1)),
        "1 April, 00:00:00": change(midnight),
    }


EXAMPLES: list[Example] = [
    rounding, intervals, prices, discounts, shared_discount, coupon_durations, inclusive_tax, usage, statuses,
    month_ends,
]  # fmt: skip
