"""One history under each preset and each switch gives the answers of docs/method.md, "Policies"."""

from datetime import UTC, date, datetime

import pytest

from pipeline.config import PRESETS, Mrr
from pipeline.mrr import Policy
from tests.history.stripe_json import History, coupon, discount, item, price, state

BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)
JANUARY, FEBRUARY, MARCH, APRIL, MAY = (date(2026, month, 1) for month in range(1, 6))
PRESET = {
    name: Policy.from_switches(switches | {"policy": name}) for name, switches in PRESETS.items()
}
PLAN = [price("p", 10_000), price("p_free", 0, "prod_free")]
ONE = item("si", "p")


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 8, tzinfo=UTC)


def mrr(history: History, month: date, policy: Policy) -> float:
    """Dollars at the end of a month."""
    return sum(row["mrr"] for row in history.snapshot(month, policy).values()) / 1e6


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ({}, "default"),
        ({"policy": "stripe"}, "stripe"),
        ({"policy": "stripe", "paid_to_free": "contraction"}, "stripe (paid_to_free=contraction)"),
        ({"usage": "exclude", "past_due_days": 3}, "default (usage=exclude, past_due_days=3)"),
        ({"policy": "chartmogul", "discounts": "all"}, "chartmogul"),
    ],
)
def test_the_label_is_the_preset_and_what_differs_from_it(
    given: dict[str, str | int], label: str
) -> None:
    switches = Mrr.model_validate(given)
    policy = Policy.from_switches({**switches.switches(), "policy": switches.policy})
    assert policy.label == label


def test_the_presets_are_those_of_the_table() -> None:
    switches = ("discounts", "usage", "past_due", "paused", "cancellation", "paid_to_free")
    table = {
        name: tuple(getattr(policy, switch) for switch in (*switches, "reactivation"))
        for name, policy in PRESET.items()
    }
    period_end, free = "period_end", "contraction"
    assert table == {
        "default": ("recurring", "include", "count", "exclude", period_end, free, "separate"),
        "stripe": ("forever", "exclude", "count", "exclude", "request", "churn", "separate"),
        "chartmogul": ("all", "include", "count", "count", period_end, free, "separate"),
    }


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(discounts="none"), 100),
        (Policy(discounts="forever"), 90),
        (Policy(discounts="recurring"), 72),
        (Policy(discounts="all"), 36),
        (PRESET["default"], 72),
        (PRESET["stripe"], 90),
        (PRESET["chartmogul"], 36),
    ],
)
def test_discounts(policy: Policy, expected: float) -> None:
    """$100 under 10% for ever, 20% for three months and 50% once."""
    history = History(PLAN).records(
        "coupon",
        coupon("forever", percent_off=10),
        coupon("repeating", "repeating", duration_in_months=3, percent_off=20),
        coupon("once", "once", percent_off=50),
    )
    given = ["forever", "repeating", "once"]
    history.records("discount", *(discount(f"di_{each}", each, BEGUN) for each in given))
    history.states((BEGUN, state(ONE, discounts=[f"di_{each}" for each in given])))
    assert mrr(history, JANUARY, policy) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(usage="include"), 128),
        (Policy(usage="exclude"), 100),
        (Policy(usage="per_day"), 130.416667),  # 28 / 28 x 365/12
        (PRESET["default"], 128),
        (PRESET["stripe"], 100),
        (PRESET["chartmogul"], 128),
    ],
)
def test_usage(policy: Policy, expected: float) -> None:
    """$100 and $28 of usage billed for February's 28 days."""
    history = History([*PLAN, price("p_use", 2, "prod_use", usage=True)])
    history.states((BEGUN, state(ONE, item("si_use", "p_use", None))))
    history.usage("a", "si_use", "p_use", {FEBRUARY: 2800})
    assert mrr(history, FEBRUARY, policy) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(past_due="count"), [100, 100, 100]),
        (Policy(past_due="exclude"), [0, 0, 100]),
        (Policy(past_due="exclude", past_due_days=30), [100, 0, 100]),
        *((policy, [100, 100, 100]) for policy in PRESET.values()),
    ],
)
def test_past_due(policy: Policy, expected: list[float]) -> None:
    """Unpaid since 10 February, paid on 5 April: 18 days at the end of February, 49 at the end of March."""
    history = History(PLAN).states(
        (BEGUN, state(ONE)),
        (at(2, 10), state(ONE, period=at(2, 10), status="past_due")),
        (at(3, 10), state(ONE, period=at(3, 10), status="past_due")),
        (at(4, 5), state(ONE)),
    )
    assert [mrr(history, month, policy) for month in (FEBRUARY, MARCH, APRIL)] == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(paused="exclude"), 0),
        (Policy(paused="count"), 100),
        (PRESET["default"], 0),
        (PRESET["stripe"], 0),
        (PRESET["chartmogul"], 100),
    ],
)
@pytest.mark.parametrize(
    "pause",
    [{"status": "paused"}, {"pause_collection": {"behavior": "void", "resumes_at": None}}],
    ids=["status", "collection"],
)
def test_paused(pause: dict[str, object], policy: Policy, expected: float) -> None:
    history = History(PLAN).states((BEGUN, state(ONE)), (at(2, 3), state(ONE, **pause)))
    assert mrr(history, JANUARY, policy) == 100
    assert mrr(history, FEBRUARY, policy) == expected


@pytest.mark.parametrize(
    ("policy", "churned_in"),
    [
        (Policy(cancellation="period_end"), APRIL),
        (Policy(cancellation="request"), MARCH),
        (PRESET["default"], APRIL),
        (PRESET["stripe"], MARCH),
        (PRESET["chartmogul"], APRIL),
    ],
)
def test_cancellation(policy: Policy, churned_in: date) -> None:
    """Asked for on 20 March, effective at the period's end, on 10 April."""
    asked = {"cancel_at": int(at(4, 10).timestamp()), "canceled_at": int(at(3, 20).timestamp())}
    gone = {"status": "canceled", "cancellation_details": {"reason": "cancellation_requested"}}
    history = History(PLAN).states(
        (BEGUN, state(ONE)),
        (at(3, 20), state(ONE, **asked)),
        (at(4, 10), state(ONE, **asked, **gone)),
    )
    for month in (FEBRUARY, MARCH, APRIL, MAY):
        found = history.movements(month, policy=policy).movement
        here = {"cus_a": ("churn", -100)} if month == churned_in else {"cus_a": (None, 0)}
        assert found == (here if month <= churned_in else {})


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(paid_to_free="contraction"), "contraction"),
        (Policy(paid_to_free="churn"), "churn"),
        (PRESET["default"], "contraction"),
        (PRESET["stripe"], "churn"),
        (PRESET["chartmogul"], "contraction"),
    ],
)
def test_paid_to_free(policy: Policy, expected: str) -> None:
    """The plan stays at its price, under 100% off for ever from the renewal of 10 March on."""
    history = History(PLAN).records("coupon", coupon("free", percent_off=100))
    history.records("discount", discount("di", "free", at(3, 10)))
    history.states((BEGUN, state(ONE)), (at(3, 10), state(ONE, period=at(3, 10), discounts=["di"])))
    found = history.movements(MARCH, policy=policy)
    assert found.movement == {"cus_a": (expected, -100)}
    assert found.types == {"churn" if expected == "churn" else "discount": -100}


def test_a_plan_without_a_price_is_churn_under_every_policy() -> None:
    """Subscribed is who holds a counting item with a list value: a free plan has none."""
    history = History(PLAN).states((BEGUN, state(ONE)), (at(3, 10), state(item("si", "p_free"))))
    for policy in PRESET.values():
        assert history.movements(MARCH, policy=policy).movement == {"cus_a": ("churn", -100)}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(reactivation="separate"), "reactivation"),
        (Policy(reactivation="expansion"), "expansion"),
        (Policy(reactivation="new", reactivation_days=30), "new"),
        (Policy(reactivation="new", reactivation_days=90), "reactivation"),
        *((policy, "reactivation") for policy in PRESET.values()),
    ],
)
def test_reactivation(policy: Policy, expected: str) -> None:
    """Gone for 61 days."""
    history = History(PLAN)
    history.states((BEGUN, state(ONE)), (at(2, 3), state(ONE, status="canceled")))
    history.states((at(4, 5), state(item("si_2", "p", 2))), name="_2")
    assert history.movements(APRIL, policy=policy).movement == {"cus_a": (expected, 200)}


def test_a_policy_acts_on_values_only() -> None:
    """The evidence is folded once; every policy reads the same timeline."""
    history = History(PLAN).states((BEGUN, state(ONE)), (at(2, 3), state(ONE, status="paused")))
    statuses = history.folded().item_timeline["status"].to_list()
    assert statuses == ["active", "paused"]
