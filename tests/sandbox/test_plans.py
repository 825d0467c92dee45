"""Changes that are planned, wait for a payment or come with a customer: their truth, by hand."""

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from pipeline.sandbox.company import Company
from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.people import make_account
from pipeline.sandbox.company.phases import Phase, PhasedSchedules
from pipeline.sandbox.company.records import Customer, Subscription
from pipeline.sandbox.company.schedules import Schedules
from pipeline.sandbox.truth import Truth
from tests.sandbox.test_truth import AUGUST, MICRO, OCTOBER, SEPTEMBER, Stage
from tests.sandbox.test_turns import END, amounts, mrr, seconds, updates


@pytest.fixture
def stage() -> Stage:
    return Stage()


def kinds(stage: Stage, prefix: str) -> list[str]:
    """The types of the events that begin so, in order, without the prefix."""
    return [
        event["type"].removeprefix(prefix)
        for event in stage.company.objects["event"].values()
        if event["type"].startswith(prefix)
    ]


# pending updates


def ask_for_five(stage: Stage, paid_after: int | None) -> Subscription:
    """Two units of 60 since September 1st; three more asked for half a day before October."""
    stage.go(9, 1)
    sub = stage.engine.create(stage.customer(), [(stage.price("6000", interval="year"), 2)])
    stage.go(9, 30, 12)
    item = sub.items[0]
    stage.engine.change_when_paid(sub, item, (item.price, 5), paid_after)
    return sub


def test_a_pending_update_changes_nothing_before_it_is_paid(stage: Stage) -> None:
    sub = ask_for_five(stage, paid_after=13)
    shown = stage.company.objects["subscription"][sub.id]
    assert shown["items"]["data"][0]["quantity"] == 2
    assert shown["pending_update"]["subscription_items"][0]["quantity"] == 5
    assert shown["pending_update"]["expires_at"] == seconds(10, 1, 11)
    assert sub.items[0].ledger.states[-1][1].quantity == 2
    stage.go(11, 2)
    assert mrr(stage, SEPTEMBER, OCTOBER) == [10, 25]
    assert stage.found(OCTOBER) == {"seat": 15}
    assert sub.items[0].ledger.states[-1][0] == seconds(10, 1, 1)
    assert kinds(stage, "customer.subscription.") == [
        "created", "updated", "updated", "pending_update_applied",
    ]  # fmt: skip
    assert stage.company.objects["invoice"][sub.latest_invoice]["status"] == "paid"


def test_a_pending_update_that_is_not_paid_is_dropped(stage: Stage) -> None:
    sub = ask_for_five(stage, paid_after=None)
    stage.go(11, 2)
    assert mrr(stage, SEPTEMBER, OCTOBER) == [10, 10]
    assert kinds(stage, "customer.subscription.")[-1] == "pending_update_expired"
    inv = stage.company.objects["invoice"][sub.latest_invoice]
    assert (inv["status"], inv["status_transitions"]["voided_at"]) == ("void", seconds(10, 1, 11))
    assert sub.pending_update is None
    assert {each["invoice"] for each in stage.company.objects["invoiceitem"].values()} == {
        inv["id"]
    }


def test_a_subscription_that_ends_forgets_what_waits(stage: Stage) -> None:
    sub = ask_for_five(stage, paid_after=13)
    stage.engine.end(sub, "cancellation_requested")
    stage.go(11, 2)
    assert stage.company.objects["subscription"][sub.id]["pending_update"] is None
    assert stage.company.objects["invoice"][sub.latest_invoice]["status"] == "void"


# schedules


def test_three_phases(stage: Stage) -> None:
    """8 units at 50; from September 10th 10 under 10% off; from October 1st 12 at 60; then it is released."""
    cheap, dear = stage.price("5000", "starter"), stage.price("6000", "pro")
    sub = stage.engine.create(stage.customer(), [(cheap, 8)])
    item, schedules = sub.items[0], PhasedSchedules(stage.books, stage.engine)
    obj = schedules.plan(
        sub,
        [
            Phase(seconds(8, 1), seconds(9, 10)),
            Phase(seconds(9, 10), seconds(10, 1), {item: (cheap, 10)}, stage.coupon("ANNUAL10")),
            Phase(seconds(10, 1), seconds(10, 20), {item: (dear, 12)}),
        ],
        "release",
    )
    assert [len(each["discounts"]) for each in obj["phases"]] == [0, 1, 0]
    assert [each["items"][0]["quantity"] for each in obj["phases"]] == [8, 10, 12]
    stage.go(11, 2)
    assert mrr(stage, AUGUST, SEPTEMBER, OCTOBER) == [400, 500, 648]
    assert stage.found(SEPTEMBER) == {"seat": 100}
    assert stage.found(OCTOBER) == {"seat": 100, "plan": 120, "discount": -72}
    assert kinds(stage, "subscription_schedule.") == ["created", "updated", "updated", "released"]
    assert (obj["status"], obj["released_subscription"], sub.schedule) == ("released", sub.id, None)


def test_a_schedule_that_cancels_at_its_end(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1)])
    phases = [Phase(seconds(8, 1), seconds(9, 10))]
    obj = PhasedSchedules(stage.books, stage.engine).plan(sub, phases, "cancel")
    stage.go(10, 2)
    assert (sub.status, sub.ended_at) == ("canceled", seconds(9, 10))
    assert (obj["status"], obj["completed_at"]) == ("completed", seconds(9, 10))
    assert stage.movement(SEPTEMBER) == "churn"


def test_a_schedule_that_is_cancelled_ends_its_subscription(stage: Stage) -> None:
    schedules = PhasedSchedules(stage.books, stage.engine)
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1)])
    obj = schedules.plan(sub, [Phase(seconds(8, 1), seconds(12, 1))], "release")
    stage.go(9, 5)
    schedules.cancel(sub, obj)
    assert (sub.ended_at, obj["status"]) == (seconds(9, 5), "canceled")


def test_a_phase_on_trial_does_not_count(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1)])
    phases = [
        Phase(seconds(8, 1), seconds(8, 20)),
        Phase(seconds(8, 20), seconds(9, 20), trial=True),
        Phase(seconds(9, 20), seconds(10, 20), {sub.items[0]: (sub.items[0].price, 2)}),
    ]
    PhasedSchedules(stage.books, stage.engine).plan(sub, phases, "release")
    stage.go(10, 2)
    assert mrr(stage, AUGUST, SEPTEMBER) == [0, 100]


def test_a_schedule_begins_its_subscription(stage: Stage) -> None:
    customer, price = stage.customer(), stage.price("5000")
    schedules = PhasedSchedules(stage.books, stage.engine)
    obj = schedules.start_later(customer, [(price, 3)], seconds(9, 12), seconds(10, 12))
    assert (obj["status"], obj["subscription"]) == ("not_started", None)
    assert stage.company.objects["subscription"] == {}
    stage.go(10, 2)
    (sub,) = customer.subscriptions
    assert (obj["status"], obj["subscription"], sub.created) == ("active", sub.id, seconds(9, 12))
    assert stage.found(SEPTEMBER) == {"new": 150}


# discounts of customers, coupons that are deleted


def test_a_switched_discount_counts_from_the_next_period(stage: Stage) -> None:
    """10% off since August 1st, 25.5% instead of it since September 10th: it shows in October."""
    customer = stage.customer()
    stage.discounts.attach(stage.coupon("ANNUAL10"), customer)
    sub = stage.engine.create(customer, [(stage.price("10000"), 1)])
    old = customer.discount
    stage.go(9, 10)
    stage.company.subscriptions.discounts.switch(customer, stage.coupon("PARTNER25"))
    stage.go(11, 2)
    truth = stage.truth()
    values = [sum(i.mrr for i in truth.snapshot(m).values()) for m in (AUGUST, SEPTEMBER, OCTOBER)]
    assert values == [90 * MICRO, 90 * MICRO, 74_500_000]
    (event,) = [
        each["data"]
        for each in stage.company.objects["event"].values()
        if each["type"] == "customer.discount.updated"
    ]
    assert event["object"]["source"]["coupon"] == "PARTNER25"
    assert event["previous_attributes"]["id"] == old.id
    assert event["previous_attributes"]["source"] == {"coupon": "ANNUAL10"}
    assert kinds(stage, "customer.discount.") == ["created", "updated"]
    assert sub.discounts == []


def test_a_deleted_coupon_goes_on_counting(stage: Stage) -> None:
    customer = stage.customer()
    sub = stage.engine.create(customer, [(stage.price("10000"), 1)])
    coupon = Coupon("deal", "A deal", "forever", None, "30")
    stage.discounts.issue(coupon)
    stage.discounts.attach(coupon, customer, sub)
    stage.books.commit(sub)
    stage.go(8, 20)
    stage.discounts.withdraw(coupon)
    stage.go(10, 2)
    assert mrr(stage, AUGUST, SEPTEMBER) == [100, 70]
    assert stage.company.objects["coupon"]["deal"]["deleted"] is True
    (gone,) = [
        each["data"]["object"]
        for each in stage.company.objects["event"].values()
        if each["type"] == "coupon.deleted"
    ]
    assert (gone["id"], gone["valid"], "applies_to" in gone) == ("deal", False, False)


# customers and accounts


def test_a_deleted_customer_leaves_with_everything(stage: Stage) -> None:
    customer, price = stage.customer(), stage.price("5000")
    for quantity in (1, 2):
        stage.engine.create(customer, [(price, quantity)])
    stage.go(9, 10)
    Schedules(stage.books, stage.engine).delete_customer(customer)
    stage.go(10, 2)
    assert stage.found(SEPTEMBER) == {"churn": -150}
    assert kinds(stage, "customer.")[-3:] == [
        "subscription.deleted", "subscription.deleted", "deleted",
    ]  # fmt: skip
    assert stage.company.objects["customer"][customer.id] == {
        "id": customer.id, "object": "customer", "deleted": True,
    }  # fmt: skip


def two_accounts(stage: Stage) -> list[Customer]:
    sign_up = stage.company.behaviour.sign_up
    found = []
    for number in (1, 2):
        account = make_account(1, number, euro=False)
        account.unlinked = False
        sign_up.accounts[number] = account
        stage.company.crm.add_account(account, stage.books.now)
        found.append(sign_up.new_customer(account))
        stage.company.crm.link_customers(account, stage.books.now)
    return found


def test_a_merger_holds_for_every_month(stage: Stage) -> None:
    """One leaves in September, the other begins: two movements, but one after the merger."""
    first, second = two_accounts(stage)
    price = stage.price("5000")
    sub = stage.engine.create(first, [(price, 2)])
    stage.go(9, 10)
    stage.engine.end(sub, "cancellation_requested")
    stage.engine.create(second, [(price, 3)])
    stage.go(10, 2)

    def found() -> Counter[str | None]:
        truth = Truth(stage.company, lambda _month, _currency: Decimal(1), stage.company.accounts)
        return Counter(row.movement for row in truth.movements(SEPTEMBER).values())

    assert found() == {"churn": 1, "new": 1}
    sign_up = stage.company.behaviour.sign_up
    lost, gone = sign_up.accounts[2].crm_id, sign_up.accounts[2]
    stage.company.crm.merge(sign_up.accounts[1], gone, stage.books.now)
    assert found() == {"expansion": 1}
    (kept,) = stage.company.hubspot["companies"].values()
    assert kept["properties"]["hs_merged_object_ids"] == lost


def test_one_customer_in_two_currencies() -> None:
    """Ends in dollars, begins in euros in the same month: a change of price, neither churn nor new."""
    stage = Stage()
    customer = stage.customer()
    shop = stage.books.catalogue
    sub = stage.engine.create(customer, [(shop.price("starter/month", "usd"), 2)])
    stage.go(9, 10)
    stage.engine.end(sub, "cancellation_requested")
    customer.currency = "eur"
    stage.engine.create(customer, [(shop.price("starter/month", "eur"), 2)])
    stage.go(10, 2)
    assert stage.found(SEPTEMBER) == {"price": -2}
    assert {item.currency for item in stage.truth().snapshot(SEPTEMBER).values()} == {"eur"}


def test_an_amount_off_stays_its_worth_in_another_currency() -> None:
    """A euro is two dollars: (140 - 27) x 2 = 226; at the dollar price 150 - 54 = 96; closing 150 - 30 = 120."""
    stage = Stage()
    customer, shop = stage.customer(), stage.books.catalogue
    customer.currency = "eur"
    coupons = [stage.coupon("LAUNCH30")]
    price = shop.price("starter/month", "eur")
    sub = stage.engine.create(customer, [(price, 10)], coupons=coupons)
    stage.go(9, 10)
    stage.engine.end(sub, "cancellation_requested")
    customer.currency = "usd"
    price = shop.price("starter/month", "usd")
    stage.engine.create(customer, [(price, 10)], coupons=coupons)
    stage.go(10, 2)

    def rate(_month: date, currency: str) -> Decimal:
        return Decimal(2 if currency == "eur" else 1)

    found = Truth(stage.company, rate).components(SEPTEMBER)
    assert {kind: part.amount // MICRO for (_, _, kind), part in found.items()} == {
        "price": -130, "discount": 24,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_accounts_with_two_currencies_are_valued_at_both_rates(seed: int) -> None:
    company = Company(seed, customers=14, months=8, end=END, features={"mixed_currencies"})
    company.advance(END)
    truth = Truth(company, lambda _month, _currency: Decimal(1), company.accounts)
    mixed: dict[str, set[str]] = {}
    for month in truth.months():
        for item in truth.snapshot(month).values():
            mixed.setdefault(item.account_id, set()).add(item.currency)
    assert {"usd", "eur"} in mixed.values()


def test_prorations_of_a_phase_in_the_middle_of_a_period(stage: Stage) -> None:
    """September 16th: half of 30 days; 2 -> 3 units of 60."""
    stage.go(9, 1)
    sub = stage.engine.create(stage.customer(), [(stage.price("6000"), 2)])
    item = sub.items[0]
    phases = [
        Phase(seconds(9, 1), seconds(9, 16)),
        Phase(seconds(9, 16), seconds(10, 16), {item: (item.price, 3)}),
    ]
    PhasedSchedules(stage.books, stage.engine).plan(sub, phases, "release")
    stage.go(9, 20)
    assert amounts(stage) == [-6000, 9000]
    assert updates(stage)[-1].keys() == {"items"}


def test_a_raised_price_takes_the_lookup_key() -> None:
    company = Company(1, customers=0, months=4, end=END, features={"price_changes", "lookup_keys"})
    company.advance(END)
    named = [p for p in company.objects["price"].values() if p["lookup_key"] == "pro_month"]
    assert [price["unit_amount"] for price in named] == [4200]
    (old,) = [p for p in company.objects["price"].values() if p["unit_amount"] == 3900]
    assert (old["lookup_key"], old["active"]) == (None, False)
    told = [
        event["data"]["previous_attributes"]
        for event in company.objects["event"].values()
        if event["type"] == "price.updated" and event["data"]["object"]["id"] == old["id"]
    ]
    assert told == [{"lookup_key": "pro_month"}, {"active": True}]
