"""Events in the shapes of older API versions."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.sandbox.company import FEATURES, RARE, Company
from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.events import state_before
from pipeline.sandbox.company.phases import Phase, PhasedSchedules
from pipeline.sandbox.company.versions import (
    ACACIA,
    BASIL,
    CLOVER,
    ENDIVE,
    SINCE,
    VERSIONS,
    Lookup,
    rendered,
)
from tests.sandbox.test_truth import Stage
from tests.sandbox.test_turns import END, seconds

Json = dict[str, Any]
UPGRADES = [(END - timedelta(days=each), version) for each, version in
            ((240, ACACIA), (160, BASIL), (80, CLOVER))]  # fmt: skip


@pytest.fixture
def stage() -> Stage:
    return Stage()


def in_version(stage: Stage, version: str, kind: str) -> Json:
    """The last event of a kind, as an account of that version received it."""
    objects = stage.company.objects
    lookup = Lookup(
        objects["coupon"].__getitem__,
        objects["discount"].__getitem__,
        stage.books.price_views.__getitem__,
    )
    event = [each for each in objects["event"].values() if each["type"] == kind][-1]
    return rendered(event, version, lookup)["data"]  # type: ignore[no-any-return]


UPDATED = "customer.subscription.updated"


def test_an_acacia_subscription_has_its_period_plan_and_discount_on_top(stage: Stage) -> None:
    price = stage.price("5000")
    sub = stage.engine.create(stage.customer(), [(price, 2)])
    stage.go(8, 15)
    record = stage.discounts.attach(stage.coupon("ANNUAL10"), sub.customer, sub)
    stage.books.commit(sub)
    data = in_version(stage, ACACIA, UPDATED)
    shown, before = data["object"], data["previous_attributes"]
    assert (shown["current_period_start"], shown["current_period_end"]) == (
        seconds(8, 1), seconds(9, 1),
    )  # fmt: skip
    assert (shown["plan"]["id"], shown["quantity"]) == (price.id, 2)
    assert shown["discount"]["coupon"]["id"] == "ANNUAL10"
    assert "source" not in shown["discount"]
    assert shown["discounts"] == [record.id]
    assert before == {"discount": None, "discounts": []}
    (item,) = shown["items"]["data"]
    assert not {"current_period_start", "current_trial", "billed_until"} & item.keys()
    assert in_version(stage, BASIL, UPDATED)["previous_attributes"] == {"discounts": []}


def test_a_renewal_moves_the_subscriptions_period_before_basil(stage: Stage) -> None:
    stage.engine.create(stage.customer(), [(stage.price("5000"), 2)])
    stage.go(9, 2)
    before = in_version(stage, ACACIA, UPDATED)["previous_attributes"]
    assert before.keys() == {"current_period_start", "current_period_end", "latest_invoice"}
    assert before["current_period_start"] == seconds(8, 1)
    assert "items" in in_version(stage, BASIL, UPDATED)["previous_attributes"]


def test_an_item_added_before_basil_shares_the_period(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 2)])
    stage.go(8, 15)
    stage.engine.add_item(sub, stage.price("3000", "support"), 1, "create_prorations")
    shown = in_version(stage, ACACIA, UPDATED)["object"]
    assert shown["current_period_start"] == seconds(8, 1)
    assert shown["plan"] is shown["quantity"] is None


def test_items_that_end_apart_keep_basils_shape(stage: Stage) -> None:
    orders = [(stage.price("5000"), 1), (stage.price("50000", "support", "year"), 1)]
    sub = stage.engine.create(stage.customer(), orders)
    stage.go(8, 15)
    stage.engine.change(sub, sub.items[0], None, 2)
    shown = in_version(stage, ACACIA, UPDATED)["object"]
    assert "current_period_start" not in shown
    assert shown["items"]["data"][1]["current_period_start"] == seconds(8, 1)


@pytest.mark.parametrize("version", [ACACIA, BASIL])
def test_a_switched_discount_holds_its_coupon_before_clover(stage: Stage, version: str) -> None:
    customer = stage.customer()
    for coupon in ("ANNUAL10", "PARTNER25"):
        stage.company.subscriptions.discounts.switch(customer, stage.coupon(coupon))
    data = in_version(stage, version, "customer.discount.updated")
    assert data["object"]["coupon"]["percent_off"] == 25.5
    assert data["previous_attributes"]["coupon"]["percent_off"] == 10
    customer_data = in_version(stage, version, "customer.updated")
    assert customer_data["object"]["discount"]["coupon"]["id"] == "PARTNER25"
    assert customer_data["previous_attributes"]["discount"]["coupon"]["id"] == "ANNUAL10"
    newer = in_version(stage, CLOVER, "customer.discount.updated")
    assert newer["previous_attributes"]["source"] == {"coupon": "ANNUAL10"}


def test_a_pending_update_shows_items_of_its_version(stage: Stage) -> None:
    stage.go(9, 1)
    sub = stage.engine.create(stage.customer(), [(stage.price("6000"), 2)])
    stage.go(9, 5)
    stage.engine.change_when_paid(sub, sub.items[0], (sub.items[0].price, 5), 3)
    for version, has in ((ACACIA, False), (BASIL, True), (CLOVER, True)):
        pending = in_version(stage, version, UPDATED)["object"]["pending_update"]
        (item,) = pending["subscription_items"]
        assert item["quantity"] == 5
        assert ("current_period_start" in item) is has
        assert "discounts" not in pending


def test_a_phase_has_one_coupon_before_basil(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1)])
    phases = [
        Phase(seconds(8, 1), seconds(9, 1)),
        Phase(seconds(9, 1), seconds(10, 1), coupon=stage.coupon("LOYAL15")),
    ]
    PhasedSchedules(stage.books, stage.engine).plan(sub, phases, "release")
    shown = in_version(stage, ACACIA, "subscription_schedule.created")["object"]
    assert [each["coupon"] for each in shown["phases"]] == [None, "LOYAL15"]
    assert not {"pause_schedules", "billing_mode"} & shown.keys()


def test_a_promotion_code_holds_its_coupon_before_clover(stage: Stage) -> None:
    coupon = Coupon("deal", "A deal", "forever", None, "30", code="DEAL")
    stage.discounts.issue(coupon)
    stage.discounts.deactivate(coupon)
    data = in_version(stage, BASIL, "promotion_code.updated")
    assert (data["object"]["coupon"]["id"], data["previous_attributes"]) == (
        "deal",
        {"active": True},
    )


def test_an_acacia_invoice_has_no_parents(stage: Stage) -> None:
    stage.go(9, 1)
    sub = stage.engine.create(
        stage.customer(), [(stage.price("6000"), 2)], coupons=[stage.coupon("ANNUAL10")]
    )
    stage.go(9, 16)
    stage.engine.change(sub, sub.items[0], None, 3, "always_invoice")
    shown = in_version(stage, ACACIA, "invoice.paid")["object"]
    assert (shown["subscription"], shown["paid"]) == (sub.id, True)
    assert shown["discount"]["coupon"]["id"] == "ANNUAL10"
    debit, credit = shown["lines"]["data"]
    assert [(each["amount"], each["quantity"]) for each in (debit, credit)] == [
        (8100, 3), (-5400, 2),
    ]  # fmt: skip
    assert all(
        each["proration"] and each["price"]["unit_amount"] == 6000 for each in (debit, credit)
    )
    assert {each["subscription_item"] for each in (debit, credit)} == {sub.items[0].id}
    assert "parent" not in debit
    item = in_version(stage, ACACIA, "invoiceitem.created")["object"]
    assert (item["subscription"], item["price"]["unit_amount"]) == (sub.id, 6000)


@pytest.fixture(scope="module", params=range(3))
def upgraded(request: pytest.FixtureRequest) -> Company:
    company = Company(
        request.param, 14, 11, datetime(2026, 11, 23, tzinfo=UTC), FEATURES | RARE, UPGRADES
    )
    company.advance(END)
    return company


def test_no_event_shows_what_its_version_lacks(upgraded: Company) -> None:
    seen: Counter[str] = Counter()
    for event in upgraded.objects["event"].values():
        version, obj = event["api_version"], event["data"]["object"]
        seen[version] += 1
        parts = [obj]
        if obj["object"] == "subscription":
            parts += [*obj["items"]["data"], obj.get("discount")]
        for part in filter(None, parts):
            for name, since in SINCE.get(part["object"], {}).items():
                assert name not in part or VERSIONS.index(since) <= VERSIONS.index(version)
    assert set(seen) == set(VERSIONS)
    assert min(seen.values()) > 20


def test_within_a_version_each_event_begins_where_the_one_before_ended(upgraded: Company) -> None:
    last: dict[str, tuple[str, Json]] = {}
    checked = 0
    for event in upgraded.objects["event"].values():
        obj, version = event["data"]["object"], event["api_version"]
        if obj["object"] != "subscription":
            continue
        before = last.get(obj["id"])
        if event["type"] == UPDATED and before is not None and before[0] == version != ENDIVE:
            checked += 1
            found = state_before(obj, event["data"]["previous_attributes"])
            if not obj["items"]["has_more"]:
                assert _plain(found) == _plain(before[1])
        last[obj["id"]] = (version, obj)
    assert checked > 30


def _plain(obj: Json) -> Json:
    """Without what may change beside an object's own events: prices, and how often a coupon was used."""
    items = [
        {name: value for name, value in each.items() if name not in ("price", "plan")}
        for each in obj["items"]["data"]
    ]
    discount = (obj.get("discount") or {}).get("id")
    notes = {name: text for name, text in obj["metadata"].items() if text}
    rest = {name: value for name, value in obj.items() if name != "plan"}
    return {**rest, "items": items, "discount": discount, "metadata": notes}
