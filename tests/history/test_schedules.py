"""What schedules change after a month's end, from hand-written lives of subscriptions."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import billing, mrr, schemas
from pipeline.sandbox.company import FEATURES
from pipeline.sandbox.truth import Scheduled
from tests.history.records import Histories, Life, rate
from tests.history.stripe_json import CALENDAR, History, coupon, discount, item, price, state

Json = dict[str, Any]
PRICES = [
    price("p", 10_000, "prod_a"),
    price("p_year", 240_000, "prod_a", interval="year"),
    price("p_pro", 25_000, "prod_pro"),
    price("p_add", 3_000, "prod_add"),
    price("p_use", 1, "prod_use", usage=True),
]
COUPONS = [coupon("ten", percent_off=10), coupon("half", percent_off=50)]
MONTHS = [date(2026, number, 1) for number in range(1, 8)]


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 8, tzinfo=UTC)


def seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def has(price_id: str, quantity: int | None = 1, *coupons: str) -> Json:
    """An item of a phase."""
    given = [{"coupon": each, "discount": None, "promotion_code": None} for each in coupons]
    return {"price": price_id, "plan": price_id, "quantity": quantity, "discounts": given}


def phase(start: datetime, *items: Json, coupons: Sequence[Json] = ()) -> Json:
    return {"start_date": seconds(start), "items": list(items), "discounts": list(coupons)}


def schedule(created: datetime, *phases: Json, **more: Any) -> Json:
    return {
        "id": "sub_sched_1", "object": "subscription_schedule", "created": seconds(created), "customer": "cus_a",
        "subscription": "sub_a", "released_subscription": None, "released_at": None, "canceled_at": None,
        "completed_at": None, "end_behavior": "release", "phases": list(phases), **more,
    }  # fmt: skip


def told(history: History, kind: str, when: datetime, obj: Json) -> History:
    """An event of a schedule."""
    history.event(f"subscription_schedule.{kind}", seconds(when), {"object": obj})
    return history


def changes(history: History, policy: mrr.Policy | None = None) -> dict[tuple[int, str], float]:
    """(month, item) -> what is to come, in dollars."""
    worths = mrr.Valued.of(history.mrr_book(), policy or mrr.Policy())
    found = mrr.scheduled(worths, CALENDAR, MONTHS)
    return {
        (row["month"].month, row["subscription_item_id"]): row["change_mrr"] / 1e6
        for row in found.iter_rows(named=True)
    }


def simple(**more: Any) -> History:
    """Two seats from January on."""
    return History(PRICES).states((at(1, 10), state(item("si", "p", 2), **more)))


GROWS = schedule(at(2, 5), phase(at(2, 5), has("p", 2)), phase(at(5, 5), has("p", 5)))


def test_more_seats_count_from_their_planning_until_they_come() -> None:
    grown = History(PRICES).states(
        (at(1, 10), state(item("si", "p", 2))), (at(5, 5), state(item("si", "p", 5)))
    )
    expected = {(month, "si"): 300.0 for month in (2, 3, 4)}
    assert changes(told(grown, "created", at(2, 5), GROWS)) == expected
    listed = History(PRICES).states(
        (at(1, 10), state(item("si", "p", 2))), (at(5, 5), state(item("si", "p", 5)))
    )
    assert changes(listed.records("subscription_schedule", GROWS)) == expected, "as listings tell"


def test_every_phase_that_is_planned_is_committed() -> None:
    """A ramp over years counts with its last phase."""
    ramp = schedule(
        at(2, 5),
        *(phase(at(month, 5), has("p", month)) for month in (2, 4, 6)),
        phase(datetime(2027, 2, 5, tzinfo=UTC), has("p", 12)),
    )
    found = changes(told(simple(), "created", at(2, 5), ramp))
    assert found == {(month, "si"): 1_000.0 for month in range(2, 8)}


def test_another_plan_leaves_one_item_for_another() -> None:
    swapped = schedule(at(2, 5), phase(at(2, 5), has("p", 2)), phase(at(9, 1), has("p_pro", 2)))
    worths = mrr.Valued.of(told(simple(), "created", at(2, 5), swapped).mrr_book(), mrr.Policy())
    found = mrr.scheduled(worths, CALENDAR, [date(2026, 6, 1)]).to_dicts()
    assert [(row["subscription_item_id"], row["plan"], row["change_mrr"]) for row in found] == [
        ("si", "prod_a", -200_000_000),
        ("sub_sched_1 0", "prod_pro", 500_000_000),
    ]
    assert {row["account_id"] for row in found} == {"cus_a"}
    assert {row["scheduled_at"] for row in found} == {at(9, 1)}


def test_an_item_that_is_added_stands_beside_those_that_stay() -> None:
    added = schedule(at(2, 5), phase(at(9, 1), has("p", 2), has("p_add", 3)))
    found = changes(told(simple(), "created", at(2, 5), added))
    assert found[2, "sub_sched_1 1"] == 90.0
    assert {item for _, item in found} == {"sub_sched_1 1"}


def test_a_yearly_price_counts_a_twelfth() -> None:
    yearly = schedule(at(2, 5), phase(at(9, 1), has("p_year", 2)))
    found = changes(told(simple(), "created", at(2, 5), yearly))
    assert found[2, "si"] + found[2, "sub_sched_1 0"] == 400.0 - 200.0


def test_two_items_of_one_price_are_told_apart() -> None:
    history = History(PRICES).states((at(1, 10), state(item("si_1", "p", 2), item("si_2", "p", 3))))
    planned = schedule(at(2, 5), phase(at(9, 1), has("p", 2), has("p", 7)))
    assert changes(told(history, "created", at(2, 5), planned))[2, "si_2"] == 400.0
    fewer = schedule(at(2, 5), phase(at(9, 1), has("p", 2)))
    history = History(PRICES).states((at(1, 10), state(item("si_1", "p", 2), item("si_2", "p", 3))))
    found = changes(told(history, "created", at(2, 5), fewer))
    assert found == {(month, "si_2"): -300.0 for month in range(2, 8)}


def test_a_subscription_that_ends_with_its_last_phase_is_not_committed() -> None:
    ends = schedule(at(2, 5), phase(at(2, 5), has("p", 2)), end_behavior="cancel")
    found = changes(told(simple(), "created", at(2, 5), ends))
    assert found == {(month, "si"): -200.0 for month in range(2, 8)}


def test_what_is_to_end_anyway_has_nothing_to_come() -> None:
    ending = simple(cancel_at=seconds(at(12, 1)))
    assert changes(told(ending, "created", at(2, 5), GROWS)) == {}


@pytest.mark.parametrize("how", ["released_at", "canceled_at", "completed_at"])
def test_a_schedule_that_is_over_plans_nothing(how: str) -> None:
    history = told(simple(), "created", at(2, 5), GROWS)
    over = {**GROWS, how: seconds(at(4, 3)), "subscription": None, "released_subscription": "sub_a"}
    expected = {(month, "si"): 300.0 for month in (2, 3)}
    assert changes(told(history, "updated", at(4, 3), over)) == expected
    assert changes(simple().records("subscription_schedule", over)) == expected


def test_a_month_has_what_was_planned_at_its_end() -> None:
    history = told(simple(), "created", at(2, 5), GROWS)
    moved = schedule(at(2, 5), phase(at(2, 5), has("p", 2)), phase(at(9, 5), has("p", 9)))
    found = changes(told(history, "updated", at(4, 20), moved))
    assert found == {(2, "si"): 300.0, (3, "si"): 300.0} | {
        (month, "si"): 700.0 for month in range(4, 8)
    }


@pytest.mark.parametrize(
    "otherwise",
    [
        [phase(at(9, 1), has("p", 3))],
        [phase(at(9, 1), has("p_pro", 4))],
        [phase(at(9, 1), has("p", 4, "half"))],
        [phase(at(9, 1), has("p", 4), coupons=[{"coupon": "half"}])],
        [phase(at(9, 1), has("p", 4), has("p_add"))],
        [phase(at(9, 1), has("p", 4)), phase(at(10, 1), has("p", 2))],
    ],
)
def test_whatever_differs_is_another_plan(otherwise: list[Json]) -> None:
    first = schedule(at(2, 5), phase(at(9, 1), has("p", 4)))
    history = told(simple().records("coupon", *COUPONS), "created", at(2, 5), first)
    found = told(history, "updated", at(4, 3), schedule(at(2, 5), *otherwise)).folded()
    spans = found.subscription_phase.select("valid_from", "valid_to", "opened_by").unique()
    assert spans.sort("valid_from").rows() == [
        (at(2, 5), at(4, 3), "evt_0002"),
        (at(4, 3), None, "evt_0003"),
    ]


def test_discounts_stay_unless_the_phase_names_others() -> None:
    def history(planned: Json) -> History:
        with_discount = simple(discounts=["di_10"]).records("coupon", *COUPONS)
        with_discount.records("discount", discount("di_10", "ten", at(1, 10)))
        return told(with_discount, "created", at(2, 5), planned)

    given = [{"coupon": "half", "discount": None, "promotion_code": None}]
    unnamed = [{"coupon": None, "discount": None, "promotion_code": "promo_1"}]
    stays = schedule(at(2, 5), phase(at(9, 1), has("p", 4)))
    assert changes(history(stays))[2, "si"] == 360.0 - 180.0
    other = schedule(at(2, 5), phase(at(9, 1), has("p", 4), coupons=given))
    assert changes(history(other))[2, "si"] == 200.0 - 180.0
    otherwise = schedule(at(2, 5), phase(at(9, 1), has("p", 4), coupons=unnamed))
    assert changes(history(otherwise))[2, "si"] == 360.0 - 180.0, "how it is given is not known"
    own = schedule(at(2, 5), phase(at(9, 1), has("p", 4, "half")))
    assert (2, "si") not in changes(history(own)), "half of 400, and ten percent of it: as it is"


def test_usage_stays_and_new_usage_is_worth_nothing_yet() -> None:
    history = History(PRICES).states(
        (at(1, 1), state(item("si", "p"), item("si_use", "p_use", None)))
    )
    history.usage("a", "si_use", "p_use", {date(2026, month, 1): 4_200 for month in range(1, 6)})
    stays = schedule(at(2, 5), phase(at(9, 1), has("p", 3), has("p_use", None)))
    found = changes(told(history, "created", at(2, 5), stays))
    assert found == {(month, "si"): 200.0 for month in range(2, 8)}
    metered = schedule(at(2, 5), phase(at(9, 1), has("p", 2), has("p_use", None)))
    assert changes(told(simple(), "created", at(2, 5), metered)) == {}


def test_a_price_that_nobody_knows_changes_nothing() -> None:
    odd = schedule(at(2, 5), phase(at(9, 1), has("p", 9), has("p_unknown")))
    assert changes(told(simple(), "created", at(2, 5), odd)) == {}


def test_what_does_not_count_has_nothing_to_come() -> None:
    unpaid = simple(status="unpaid")
    assert changes(told(unpaid, "created", at(2, 5), GROWS)) == {}


def test_a_schedule_of_nobody_changes_nothing() -> None:
    later = schedule(at(2, 5), phase(at(9, 1), has("p", 9)), subscription=None)
    assert changes(told(simple(), "created", at(2, 5), later)) == {}


@pytest.mark.parametrize("seats", range(2, 12))
def test_of_one_second_the_creation_comes_first_and_a_listing_last(seats: int) -> None:
    """A schedule is made of a subscription and gets its phases at once; their hashes are in any order."""
    made = schedule(at(2, 5), phase(at(2, 5), has("p", 2)))
    planned = schedule(at(2, 5), phase(at(2, 5), has("p", 2)), phase(at(9, 5), has("p", 2 + seats)))
    expected = {(month, "si"): 100.0 * seats for month in range(2, 8)}
    history = told(simple(), "created", at(2, 5), made)
    assert changes(told(history, "updated", at(2, 5), planned)) == expected
    history = told(told(simple(), "updated", at(2, 5), made), "updated", at(2, 5), planned)
    history.records("subscription_schedule", planned, at=at(2, 5))
    assert changes(history) == expected


def test_an_account_without_mrr_has_nothing_to_come() -> None:
    free = History([*PRICES, price("p_free", 0)]).states((at(1, 10), state(item("si", "p_free"))))
    paid = schedule(at(2, 5), phase(at(9, 1), has("p_pro")))
    assert changes(told(free, "created", at(2, 5), paid)) == {}
    beside = free.states((at(1, 10), state(item("si_b", "p"))), name="b")
    assert sum(changes(beside).values()) == 250.0 * 6, "with another that pays"


@pytest.mark.parametrize("metered", ["a_use", "z_use"])
def test_discounts_of_what_is_added_are_those_of_the_subscription(metered: str) -> None:
    """Not those of usage, which the last bill tells."""
    items = [item(metered, "p_use", None), item("seats", "p")]
    history = History(PRICES).states(
        (at(1, 1), state(*items)), (at(3, 10), state(*items, discounts=["di_10"], period=at(3, 10)))
    )
    history.records("coupon", *COUPONS).records("discount", discount("di_10", "ten", at(3, 10)))
    history.usage("a", metered, "p_use", {date(2026, 1, 1): 4_200})
    added = schedule(at(2, 5), phase(at(9, 1), has("p_use", None), has("p"), has("p_add", 10)))
    found = changes(told(history, "created", at(2, 5), added))
    assert (found[2, "sub_sched_1 2"], found[4, "sub_sched_1 2"]) == (300.0, 270.0)


@pytest.mark.parametrize("account", ["", "acct_1"])
def test_coupons_are_those_of_the_schedules_own_account(account: str) -> None:
    given = [{"coupon": "half", "discount": None, "promotion_code": None}]
    planned = schedule(
        at(2, 5), phase(at(9, 1), has("p", 4, "half"), has("p_add", 2), coupons=given)
    )
    history = told(simple().records("coupon", *COUPONS), "created", at(2, 5), planned)
    history.rows = [row | {"source_account": account} for row in history.rows]
    found = changes(history)
    assert sum(change for (month, _), change in found.items() if month == 2) == 100.0 + 30.0 - 200.0


def test_a_coupon_that_nobody_knows_changes_nothing() -> None:
    given = [{"coupon": "gone", "discount": None, "promotion_code": None}]
    planned = schedule(at(2, 5), phase(at(9, 1), has("p", 4), coupons=given))
    assert changes(told(simple(), "created", at(2, 5), planned)) == {}


def test_of_two_schedules_the_younger_one_counts() -> None:
    """The end of the first was missed."""
    history = told(simple(), "created", at(2, 5), GROWS | {"id": "sub_sched_0"})
    younger = schedule(at(3, 5), phase(at(3, 5), has("p", 2)))
    assert changes(told(history, "created", at(3, 5), younger)) == {(2, "si"): 300.0}


def test_records_of_other_forms_are_read_or_tell_nothing() -> None:
    old = {"start_date": seconds(at(9, 1)), "plans": [{"plan": "p", "quantity": 5}]}
    history = told(simple(), "created", at(2, 5), schedule(at(2, 5), old))
    assert changes(history)[2, "si"] == 300.0
    raw = pl.LazyFrame(history.rows, schema=schemas.RAW_RECORD.schema)
    assert billing.decode(raw).unreadable.collect().is_empty()
    none = told(simple(), "created", at(2, 5), schedule(at(2, 5)))
    assert changes(none) == {}
    raw = pl.LazyFrame(none.rows, schema=schemas.RAW_RECORD.schema)
    assert billing.decode(raw).unreadable.collect().is_empty()


def test_a_price_in_the_subscriptions_own_currency_is_used() -> None:
    option = {"eur": {"unit_amount_decimal": "8000", "tiers": None}}
    both = price("p_both", 10_000) | {"currency_options": option}
    history = History([*PRICES, both]).states(
        (at(1, 10), state(item("si", "p_both", 2))), currency="eur"
    )
    planned = schedule(at(2, 5), phase(at(9, 1), has("p_both", 2), has("p_add")))
    assert changes(told(history, "created", at(2, 5), planned)) == {}, "p_add has none"
    more = schedule(at(2, 5), phase(at(9, 1), has("p_both", 5)))
    history = History([*PRICES, both]).states(
        (at(1, 10), state(item("si", "p_both", 2))), currency="eur"
    )
    worth = float(rate(date(2026, 2, 1), "eur"))
    assert changes(told(history, "created", at(2, 5), more))[2, "si"] == pytest.approx(240 * worth)


def test_what_is_to_come_is_what_companies_planned() -> None:
    """Simulated companies, synced week by week: each subscription's change, to the micro-unit."""
    lives = [Life(seed, 60, 10, FEATURES, first=1, gaps=(7,)) for seed in range(31, 37)]
    histories = Histories(lives, datetime(2026, 11, 1, tzinfo=UTC))
    worths = mrr.Valued.of(histories.book(), mrr.Policy())
    found = mrr.scheduled(worths, histories.calendar, histories.months)
    apart = [mrr.scheduled(worths, histories.calendar, [month]) for month in histories.months]
    assert_frame_equal(found, pl.concat(apart))
    by_subscription = found.group_by("month", "subscription_id").agg(pl.col("change_mrr").sum())
    said = {(month, name): change for month, name, change in by_subscription.rows() if change}
    true = {
        (month, name): change
        for company, truth in zip(histories.companies, histories.truths, strict=True)
        for month in truth.months()
        for name, change in Scheduled(company, truth).of(month).items()
    }
    assert said == true
    assert len(true) > 20
    assert min(true.values()) < 0 < max(true.values())
