"""Worked examples of docs/method.md, "Exchange rates", "Closed months" and "Policies"."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pipeline.config import PRESETS, Fx
from pipeline.months import Calendar
from pipeline.mrr import Policy
from pipeline.sources import rates, stale_rates
from tests.docs.movement_examples import GONE, PRICES, row
from tests.docs.page import Example, Figure, Rows
from tests.docs.value_examples import BEGUN, at
from tests.history.stripe_json import History, coupon, discount, item, state
from tests.sources.service import Answer, serve

JANUARY, FEBRUARY, MARCH, APRIL, MAY = (date(2026, number, 1) for number in range(1, 6))
QUOTES = """\
Date,USD,GBP,SEK,
2026-05-05,1.1000,0.8000,N/A,
2026-04-30,1.0900,0.8100,N/A,
2026-04-02,1.0800,0.8200,11.00,
2026-01-30,1.0500,0.8400,11.50,
"""
PRESET = {
    name: Policy.from_switches(switches | {"policy": name}) for name, switches in PRESETS.items()
}


def _quoted(reporting: str, currency: str, *months: date) -> dict[date, dict[str, Any]]:
    """FX_RATE rows by month, as of 6 May 2026."""
    ends = Calendar(now=datetime(2026, 5, 6, tzinfo=UTC)).ends(months)
    with serve(lambda _: Answer(QUOTES.encode())) as service:
        found = rates(Fx(url=service.base), reporting, {currency: months[0]}, ends).frame
    old = {
        line["month"]
        for line in stale_rates(found.lazy(), date(2026, 5, 6)).collect().to_dicts()
        if line["currency"] == currency
    }
    return {
        line["month"]: line | {"old": "old" if line["month"] in old else "fresh"}
        for line in found.iter_rows(named=True)
        if line["currency"] == currency
    }  # fmt: skip


def cross_rates() -> Rows:
    def pair(reporting: str, currency: str) -> tuple[Figure, ...]:
        return (Decimal(_quoted(reporting, currency, APRIL)[APRIL]["rate"]) / 10**12,) * 2

    return {
        "€1 in dollars": pair("usd", "eur"),
        "$1 in euros": pair("eur", "usd"),
        "£1 in dollars": pair("usd", "gbp"),
        "$1 in pounds": pair("gbp", "usd"),
    }


def rate_days() -> Rows:
    def told(line: dict[str, Any]) -> tuple[Figure, ...]:
        return line["source"], line["old"], "yes" if line["frozen"] else "no"

    dollar = _quoted("eur", "usd", JANUARY, APRIL, MAY)
    krona = _quoted("eur", "sek", APRIL)
    return {
        "January, dollars (the 31st is a Saturday)": told(dollar[JANUARY]),
        "April, dollars": told(dollar[APRIL]),
        "May, the current month, dollars": told(dollar[MAY]),
        "April, kronor (none since 2 April)": told(krona[APRIL]),
    }


def closing() -> Rows:
    def closes(timezone: str, close_day: int) -> tuple[Figure, ...]:
        at = Calendar(now=BEGUN, timezone=timezone, close_day=close_day).closes_at(APRIL)
        return (f"{at:%Y-%m-%d %H:%M} UTC",)

    return {
        "UTC, `close_day = 3`": closes("UTC", 3),
        "Europe/Berlin, `close_day = 3`": closes("Europe/Berlin", 3),
        "UTC, `close_day = 10`": closes("UTC", 10),
    }


# ---- policies --------------------------------------------------------------------------------


ONE = item("si", "p100")


def _history(*states: tuple[datetime, dict[str, Any]]) -> History:
    return History(PRICES).states(*states)


def _coupons() -> History:
    made = History(PRICES).records(
        "coupon",
        coupon("forever", percent_off=10),
        coupon("repeating", "repeating", duration_in_months=3, percent_off=20),
        coupon("once", "once", percent_off=50),
    )
    given = ["forever", "repeating", "once"]
    made.records("discount", *(discount(f"di_{each}", each, BEGUN) for each in given))
    return made.states((BEGUN, state(ONE, discounts=[f"di_{each}" for each in given])))


def _usage() -> History:
    made = _history((BEGUN, state(ONE, item("si_use", "p_use", None))))
    return made.usage("a", "si_use", "p_use", {FEBRUARY: 2800})


def _past_due() -> History:
    return _history(
        (BEGUN, state(ONE)), (at(2, 10), state(ONE, period=at(2, 10), status="past_due"))
    )


def _paused() -> History:
    return _history((BEGUN, state(ONE)), (at(2, 3), state(ONE, status="paused")))


def _cancelled() -> History:
    asked = {"cancel_at": int(at(4, 10).timestamp()), "canceled_at": int(at(3, 20).timestamp())}
    return _history(
        (BEGUN, state(ONE)),
        (at(3, 20), state(ONE, **asked)),
        (at(4, 10), state(ONE, **asked, **GONE)),
    )


def _free() -> History:
    made = History(PRICES).records("coupon", coupon("free", percent_off=100))
    made.records("discount", discount("di", "free", at(3, 10)))
    return made.states(
        (BEGUN, state(ONE)), (at(3, 10), state(ONE, period=at(3, 10), discounts=["di"]))
    )


def _back() -> History:
    made = _history((BEGUN, state(ONE)), (at(2, 3), state(ONE, status="canceled")))
    return made.states((at(4, 5), state(item("si_2", "p100"))), name="_2")


def _worth(history: History, month: date, policy: Policy) -> float:
    found = history.snapshot(month, policy)
    return sum(each["mrr"] for each in found.values()) / 1_000_000


def _called(history: History, month: date, policy: Policy) -> str:
    return str(row(history.movements(month, policy=policy))[2])


Answered = Callable[[Policy], Figure]
QUESTIONS: dict[str, Answered] = {
    "$100 under 10% for ever, 20% for 3 months and 50% once": lambda p: _worth(_coupons(), JANUARY, p),
    "$100 and $28 of usage for February": lambda p: _worth(_usage(), FEBRUARY, p),
    "$100, past due since 10 February, end of March": lambda p: _worth(_past_due(), MARCH, p),
    "$100, paused since 3 February": lambda p: _worth(_paused(), FEBRUARY, p),
    "$100, on 20 March cancelled to 10 April, end of March": lambda p: _worth(_cancelled(), MARCH, p),
    "$100, 100% off from 10 March": lambda p: _called(_free(), MARCH, p),
    "$100, gone from 3 February to 5 April": lambda p: _called(_back(), APRIL, p),
}  # fmt: skip


def policies() -> Rows:
    return {
        question: [answer(policy) for policy in PRESET.values()]
        for question, answer in QUESTIONS.items()
    }


def presets() -> Rows:
    return {
        f"`{switch}`": [str(preset[switch]) for preset in PRESETS.values()]
        for switch in PRESETS["default"]
    }


def switches() -> Rows:
    def answers(name: str, *given: dict[str, Any]) -> list[Figure]:
        return [QUESTIONS[name](Policy(**each)) for each in given]

    coupons, used, late, paused, cancelled, free, back = QUESTIONS
    return {
        "`discounts` = none, forever, recurring, all": answers(
            coupons, *({"discounts": each} for each in ("none", "forever", "recurring", "all"))
        ),
        "`usage` = include, exclude, per_day": answers(
            used, *({"usage": each} for each in ("include", "exclude", "per_day"))
        ),
        "`past_due` = count, exclude, exclude with `past_due_days` = 60": answers(
            late, {}, {"past_due": "exclude"}, {"past_due": "exclude", "past_due_days": 60}
        ),
        "`paused` = exclude, count": answers(paused, {}, {"paused": "count"}),
        "`cancellation` = period_end, request": answers(cancelled, {}, {"cancellation": "request"}),
        "`paid_to_free` = contraction, churn": answers(free, {}, {"paid_to_free": "churn"}),
        "`reactivation` = separate, expansion, new": answers(
            back, *({"reactivation": each} for each in ("separate", "expansion", "new"))
        ),
        "`reactivation` = new with `reactivation_days` = 30, 90": answers(
            back, *({"reactivation": "new", "reactivation_days": days} for days in (30, 90))
        ),
    }


EXAMPLES: list[Example] = [cross_rates, rate_days, closing, policies, presets, switches]
