"""Turns of a life: their truth, held against figures worked out by hand."""

from datetime import UTC, date, datetime

import pytest

from pipeline.sandbox.company import FEATURES, Company
from pipeline.sandbox.company.wishes import TURNS
from tests.sandbox.test_truth import AUGUST, OCTOBER, SEPTEMBER, Stage

END = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def seconds(month: int, day: int, hour: int = 0) -> int:
    return int(datetime(2026, month, day, hour, tzinfo=UTC).timestamp())


def mrr(stage: Stage, *months: date) -> list[int]:
    """What counts at the end of each month, in major units."""
    truth = stage.truth()
    return [
        sum(item.mrr for item in truth.snapshot(month).values()) // 1_000_000 for month in months
    ]


def amounts(stage: Stage) -> list[int]:
    """The amounts of the invoice items so far, in cents."""
    return [each["amount"] for each in stage.company.objects["invoiceitem"].values()]


def updates(stage: Stage) -> list[dict[str, object]]:
    """The previous attributes of the subscriptions' updates, in order."""
    return [
        event["data"]["previous_attributes"]
        for event in stage.company.objects["event"].values()
        if event["type"] == "customer.subscription.updated"
    ]


# trials


def test_a_longer_trial_counts_later(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 2)], trial_days=20)
    stage.go(8, 15)
    stage.engine.move_trial_end(sub, seconds(9, 10))
    assert updates(stage)[-1].keys() >= {"trial_end", "billing_cycle_anchor", "items"}
    stage.go(10, 2)
    assert mrr(stage, AUGUST, SEPTEMBER) == [0, 100]
    assert sub.items[0].start == seconds(9, 10)


def test_a_trial_that_ends_early_counts_earlier(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 2)], trial_days=60)
    stage.go(8, 15)
    stage.engine.end_trial(sub)
    stage.go(9, 2)
    assert (sub.status, sub.items[0].start) == ("active", seconds(8, 15))
    assert stage.found(AUGUST) == {"new": 100}


def test_another_trial_suspends_what_was_paid(stage: Stage) -> None:
    """30 of 30 days were paid, 15 of them are credited; the trial spans a month end."""
    stage.go(9, 1)
    sub = stage.engine.create(stage.customer(), [(stage.price("6000"), 1)])
    stage.go(9, 16)
    stage.engine.try_again(sub, seconds(10, 6))
    assert amounts(stage) == [-3000]
    stage.go(11, 2)
    assert mrr(stage, SEPTEMBER, OCTOBER) == [0, 60]
    assert stage.movement(OCTOBER) == "reactivation"


def test_an_item_on_trial_does_not_count(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1)])
    stage.go(8, 20)
    item = stage.engine.add_on_trial(sub, stage.price("3000", "support"), 1, seconds(9, 20))
    shown = stage.company.objects["subscription"][sub.id]["items"]["data"][1]
    assert shown["current_trial"]["end_date"] == seconds(9, 20)
    stage.go(10, 2)
    assert mrr(stage, AUGUST, SEPTEMBER) == [50, 80]
    assert stage.found(SEPTEMBER) == {"add_on": 30}
    assert item.start == seconds(10, 1)
    assert amounts(stage) == []


def test_an_item_that_leaves_within_its_trial_is_not_credited(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1)])
    item = stage.engine.add_on_trial(sub, stage.price("3000", "support"), 1, seconds(8, 20))
    stage.go(8, 10)
    stage.engine.remove_item(sub, item, "create_prorations")
    assert amounts(stage) == [0]


# the billing cycle


def test_a_reset_anchor_moves_no_mrr(stage: Stage) -> None:
    """September has 30 days: half of 60 is credited, 60 are billed for the new month."""
    stage.go(9, 1)
    sub = stage.engine.create(stage.customer(), [(stage.price("6000"), 1)])
    stage.go(9, 16)
    stage.engine.reset_anchor(sub)
    latest = stage.company.objects["invoice"][sub.latest_invoice]
    assert [line["amount"] for line in latest["lines"]["data"]] == [-3000, 6000]
    assert sub.anchor == seconds(9, 16)
    stage.go(11, 2)
    assert sub.items[0].start == seconds(10, 16)
    assert stage.found(OCTOBER) == {}
    assert mrr(stage, SEPTEMBER, OCTOBER) == [60, 60]


def test_a_chosen_end_counts_until_then(stage: Stage) -> None:
    """Ten of September's thirty days are left over and credited."""
    stage.go(9, 1)
    sub = stage.engine.create(stage.customer(), [(stage.price("6000"), 1)])
    stage.go(9, 5)
    stage.engine.cancel_on(sub, seconds(9, 21), None, "create_prorations")
    stage.go(9, 20)
    assert sub.status == "active"
    stage.go(10, 2)
    assert (sub.status, sub.ended_at) == ("canceled", seconds(9, 21))
    assert amounts(stage) == [-2000]
    assert stage.truth().months() == []


def test_a_chosen_end_is_taken_back(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("6000"), 1)])
    stage.engine.cancel_on(sub, seconds(9, 21), None, "none")
    stage.engine.withdraw_end(sub, seconds(9, 21))
    stage.go(11, 2)
    assert sub.status == "active"
    assert sub.cancel_at is sub.canceled_at is None


# items


def test_no_units_is_churn_and_units_again_a_reactivation(stage: Stage) -> None:
    """No counting item with a list value is left, so the account is not subscribed."""
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 2)])
    stage.go(9, 10)
    stage.engine.change(sub, sub.items[0], None, 0)
    stage.go(10, 10)
    stage.engine.change(sub, sub.items[0], None, 3)
    stage.go(11, 2)
    assert [stage.movement(month) for month in (SEPTEMBER, OCTOBER)] == ["churn", "reactivation"]
    assert stage.found(OCTOBER) == {"reactivation": 150}


def test_a_swap_of_items_is_one_event(stage: Stage) -> None:
    price = stage.price("5000")
    sub = stage.engine.create(stage.customer(), [(price, 2)])
    old = sub.items[0]
    stage.go(9, 10)
    new = stage.engine.swap_item(sub, old, price, 3, "create_prorations")
    (before,) = [
        each for each in updates(stage) if "items" in each and "latest_invoice" not in each
    ]
    assert [each["id"] for each in before["items"]["data"]] == [old.id]  # type: ignore[index]
    stage.go(10, 2)
    assert stage.found(SEPTEMBER) == {"seat": 50}
    (component,) = stage.truth().components(SEPTEMBER).values()
    assert component.paired_item_id == old.id
    assert [item.id for item in sub.items] == [new.id]


def test_an_item_that_returns_within_the_month_is_no_movement(stage: Stage) -> None:
    support = stage.price("3000", "support")
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1), (support, 1)])
    stage.go(9, 10)
    stage.engine.remove_item(sub, sub.items[1], "create_prorations")
    stage.go(9, 14)
    stage.engine.add_item(sub, support, 1, "create_prorations")
    stage.go(10, 2)
    assert stage.found(SEPTEMBER) == {}
    assert stage.movement(SEPTEMBER) is None


# pauses and ends


def test_a_pause_of_collection_that_is_moved_ends_at_its_last_date(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1)])
    stage.go(8, 20)
    stage.engine.hold_collection(sub, "void", seconds(8, 28))
    stage.go(8, 25)
    stage.engine.hold_collection(sub, "keep_as_draft", seconds(9, 15))
    stage.go(10, 2)
    assert sub.pause_collection is None
    assert updates(stage)[-2]["pause_collection"] == {
        "behavior": "keep_as_draft", "resumes_at": seconds(9, 15)
    }  # fmt: skip
    assert mrr(stage, AUGUST, SEPTEMBER) == [0, 50]


def test_resumed_with_its_anchor_unchanged_nothing_is_billed(stage: Stage) -> None:
    stage.go(8, 20)
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1)])
    stage.go(8, 25)
    stage.engine.pause(sub)
    stage.go(9, 5)
    stage.engine.resume_unchanged(sub)
    assert len(stage.company.objects["invoice"]) == 1
    assert sub.items[0].start == seconds(8, 20)
    stage.go(10, 2)
    assert mrr(stage, AUGUST, SEPTEMBER) == [0, 50]


@pytest.mark.parametrize("day", [10, 30])
def test_a_replaced_subscription_is_no_churn(stage: Stage, day: int) -> None:
    price = stage.price("5000")
    sub = stage.engine.create(stage.customer(), [(price, 2)])
    stage.go(9, 10)
    stage.engine.end(sub, "cancellation_requested")
    stage.go(9, day)
    stage.engine.create(sub.customer, [(price, 3)])
    stage.go(10, 2)
    assert stage.found(SEPTEMBER) == {"seat": 50}
    assert stage.movement(SEPTEMBER) == "expansion"


# the life


def test_turns_change_no_company_that_does_not_name_them() -> None:
    assert not FEATURES & TURNS
    assert not hasattr(Company(1, customers=3, months=2, end=END), "turns")


@pytest.mark.parametrize("feature", sorted(TURNS))
def test_each_turn_happens(feature: str) -> None:
    """It leaves other records than the same company without it."""
    records = []
    for features in (FEATURES, FEATURES | {feature}):
        company = Company(3, customers=12, months=8, end=END, features=features)
        company.advance(END)
        records.append((len(company.objects["event"]), company.hubspot["companies"]))
    assert records[0] != records[1]
