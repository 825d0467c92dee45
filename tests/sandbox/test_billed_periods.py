"""Lines whose periods are not the present one: backdated starts and months billed ahead."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from pipeline.sandbox.company import FEATURES, Company
from pipeline.sandbox.company.backdating import Backdating
from pipeline.sandbox.company.prebilling import Prebilling
from pipeline.sandbox.company.records import Subscription
from tests.sandbox.test_truth import Stage

END = datetime(2026, 11, 23, tzinfo=UTC)
JULY, SEPTEMBER, OCTOBER = date(2026, 7, 1), date(2026, 9, 1), date(2026, 10, 1)


def lines(company: Company) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every line that bills an item's own period, with its invoice."""
    for inv in company.objects["invoice"].values():
        for line in inv["lines"]["data"]:
            details = line["parent"]["subscription_item_details"]
            if details is not None and not details["proration"]:
                yield inv, line


def lived(seed: int, feature: str) -> Company:
    company = Company(seed, customers=14, months=10, end=END, features=FEATURES | {feature})
    company.advance(END)
    return company


@pytest.mark.parametrize("seed", range(3))
def test_a_backdated_subscription_is_billed_for_its_past_and_counts_from_its_creation(
    seed: int,
) -> None:
    company = lived(seed, "backdating")
    subs = company.objects["subscription"]
    backdated = {key for key, sub in subs.items() if sub["start_date"] < sub["created"]}
    assert backdated
    past = 0
    billed: dict[tuple[str, int], int] = {}
    for inv, line in lines(company):
        sub = subs[line["subscription"]]
        begins, ends = line["period"]["start"], line["period"]["end"]
        assert sub["start_date"] <= begins < ends
        if begins < sub["created"]:
            usage = company.books.catalogue.by_id[line["pricing"]["price_details"]["price"]].metered
            assert usage or inv["billing_reason"] == "subscription_create"
            past += 1
        key = (line["parent"]["subscription_item_details"]["subscription_item"], begins)
        assert (
            billed.setdefault(key, ends) == ends
        )  # a period is billed once, tiers beside each other
    assert past
    for ledger in company.ledgers.values():
        assert all(at >= subs[ledger.subscription]["created"] for at, _ in ledger.states)


def test_a_cycle_carried_over_is_billed_in_part() -> None:
    """Created on August 1, backdated to July 14, next cycle on August 3: 20 of the 31 days from July 3."""
    stage = Stage()

    def backdated(sub: Subscription) -> None:
        sub.start_date = int(datetime(2026, 7, 14, tzinfo=UTC).timestamp())
        Backdating(stage.books, 1).carry_over(
            sub, int(datetime(2026, 8, 3, tzinfo=UTC).timestamp())
        )

    stage.engine.prepare.append(backdated)
    sub = stage.engine.create(stage.customer(), [(stage.price("3100"), 1)])
    (line,) = stage.books.objects["invoice"][sub.latest_invoice]["lines"]["data"]
    assert line["amount"] == 2000
    assert line["period"]["start"] == sub.obj["start_date"] < sub.created
    assert stage.truth().snapshot(JULY) == {}
    stage.go(8, 4)
    (line,) = stage.books.objects["invoice"][sub.latest_invoice]["lines"]["data"]
    assert line["amount"] == 3100


def test_months_billed_ahead_are_one_line_and_keep_their_discounts() -> None:
    """Billed on August 10 for September to November under 25.5% off; the coupon is lost on August 20."""
    stage = Stage()
    sub = stage.engine.create(
        stage.customer(), [(stage.price("1000"), 2)], coupons=[stage.coupon("PARTNER25")]
    )
    stage.go(8, 10)
    Prebilling(stage.books, 1, stage.engine.invoicing, stage.discounts).bill_ahead(sub, 3)
    made = stage.books.objects["invoice"][sub.latest_invoice]
    (line,) = made["lines"]["data"]
    assert (line["amount"], line["quantity"]) == (6000, 2)
    assert line["discount_amounts"][0]["amount"] == 1530
    periods = [datetime.fromtimestamp(line["period"][end], UTC).date() for end in ("start", "end")]
    assert periods == [SEPTEMBER, date(2026, 12, 1)]
    assert sub.obj["items"]["data"][0]["billed_until"] == line["period"]["end"]
    stage.go(8, 20)
    stage.discounts.detach(sub.discounts[0], sub.customer, sub, None)
    stage.books.commit(sub)
    stage.go(10, 5)
    assert sub.latest_invoice == made["id"]  # nothing to bill on September 1 and October 1
    assert sub.obj["items"]["data"][0]["current_period_start"] > line["period"]["start"]
    (item,) = stage.truth().snapshot(SEPTEMBER).values()
    assert (item.list_mrr, item.mrr) == (20_000_000, 14_900_000)
    stage.engine.change(sub, sub.items[0], None, 5)
    (credit, debit) = sub.pending
    assert credit["period"]["end"] == debit["period"]["end"] == line["period"]["end"]
    (item,) = stage.truth().snapshot(OCTOBER).values()
    assert (item.quantity, item.list_mrr, item.mrr) == (5, 50_000_000, 37_250_000)


def test_each_line_billed_ahead_keeps_its_own_discounts() -> None:
    """Three months under 25.5% off, two more without: billed in August for September to November and to January."""
    stage = Stage()
    sub = stage.engine.create(
        stage.customer(), [(stage.price("1000"), 1)], coupons=[stage.coupon("PARTNER25")]
    )
    ahead = Prebilling(stage.books, 1, stage.engine.invoicing, stage.discounts)
    stage.go(8, 10)
    ahead.bill_ahead(sub, 3)
    stage.go(8, 20)
    stage.discounts.detach(sub.discounts[0], sub.customer, sub, None)
    ahead.bill_ahead(sub, 2)
    (line,) = stage.books.objects["invoice"][sub.latest_invoice]["lines"]["data"]
    assert (line["amount"], line["discount_amounts"]) == (2000, [])
    stage.company.advance(datetime(2027, 2, 5, tzinfo=UTC))
    worth = [
        next(iter(stage.truth().snapshot(month).values())).mrr
        for month in (SEPTEMBER, date(2026, 11, 1), date(2026, 12, 1), date(2027, 2, 1))
    ]
    assert worth == [7_450_000, 7_450_000, 10_000_000, 10_000_000]


@pytest.mark.parametrize("seed", range(3))
def test_what_was_billed_ahead_is_not_billed_again(seed: int) -> None:
    company = lived(seed, "prebilling")
    reached: dict[str, int] = {}
    ahead = 0
    for inv, line in lines(company):
        item = line["parent"]["subscription_item_details"]["subscription_item"]
        begins, ends = line["period"]["start"], line["period"]["end"]
        if begins > inv["created"] or ends - begins > 40 * 86_400:
            ahead += 1
        switched = inv["billing_reason"] == "subscription_update" and begins == inv["created"]
        tier = ends == reached.get(item)  # of a period that another line bills
        assert tier or switched or begins >= reached.get(item, 0)
        reached[item] = ends
    assert ahead
