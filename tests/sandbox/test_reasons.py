"""A company whose customers have reasons to grow, and one that lives by chance as it always did."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from pipeline.sandbox.company import FEATURES, REASONS, Company

END = datetime(2026, 11, 23, 6, tzinfo=UTC)


def lived(*, reasons: bool) -> Company:
    company = Company(
        3, customers=200, months=18, end=END, features=FEATURES | ({REASONS} if reasons else set())
    )
    company.advance(END)
    return company


@pytest.fixture(scope="module")
def driven() -> Company:
    return lived(reasons=True)


def test_without_reasons_nothing_is_counted() -> None:
    assert lived(reasons=False).reasons is None


def test_it_does_not_matter_how_the_clock_moves(driven: Company) -> None:
    again = Company(3, customers=200, months=18, end=END, features=FEATURES | {REASONS})
    while again.now < END:
        again.advance(min(again.now + timedelta(days=11), END))
    assert again.objects["subscription"] == driven.objects["subscription"]
    assert again.reasons is not None
    assert driven.reasons is not None
    assert again.reasons.used == driven.reasons.used


def test_who_fills_the_seats_buys_more_of_them(driven: Company) -> None:
    assert driven.reasons is not None
    grown: dict[str, list[float]] = {"utilisation": [], "chance": []}
    for ledger in driven.ledgers.values():
        quantities = [state.quantity for _, state in ledger.states if state and state.quantity]
        cause = driven.reasons.causes.get(ledger.subscription)
        if cause and len(ledger.states) > 1 and quantities:
            grown[cause].append(quantities[-1] / quantities[0])
    mean = {cause: sum(found) / len(found) for cause, found in grown.items()}
    assert mean["utilisation"] - 1 > 1.5 * (mean["chance"] - 1)


def test_seats_in_use_are_counted_once_a_week_and_never_more_than_are_paid_for(
    driven: Company,
) -> None:
    assert driven.reasons is not None
    used = driven.reasons.used
    assert len({(customer, day) for customer, day, _, _ in used}) == len(used)
    days = sorted({day for _, day, _, _ in used})
    assert {later - day for day, later in pairwise(days)} == {timedelta(days=7)}
    most: dict[str, int] = {}
    for ledger in driven.ledgers.values():
        held = max((state.quantity or 0 for _, state in ledger.states if state), default=0)
        most[ledger.customer] = most.get(ledger.customer, 0) + held
    assert all(0 <= value <= most[customer] for customer, _, _, value in used)


def test_who_is_asked_and_persuaded_buys_more_seats_and_the_others_live_on_as_they_did() -> None:
    features = FEATURES | {REASONS}
    companies = [Company(4, customers=120, months=12, end=END, features=features) for _ in "ab"]
    began = END - timedelta(days=100)
    for company in companies:
        company.advance(began)
    asked, left = companies
    chosen = set(list(asked.accounts)[::2])
    asked.ask(chosen, 0.5)
    for company in companies:
        company.advance(END)
    bought = asked.outreach.bought
    assert bought
    assert set(bought) <= chosen
    assert not left.outreach.bought
    whose = {each["id"]: each["customer"] for each in left.objects["subscription"].values()}
    grown = {asked.accounts[customer] for customer in bought}
    for key, ledger in left.ledgers.items():
        if left.accounts[whose[ledger.subscription]] not in grown:
            assert asked.ledgers[key].states == ledger.states
    for customer, at in bought.items():
        items = [
            ledger
            for ledger in asked.ledgers.values()
            if whose.get(ledger.subscription) == customer
        ]
        assert any(began.timestamp() < at == since for each in items for since, _ in each.states)
