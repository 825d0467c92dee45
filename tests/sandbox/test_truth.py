"""The truth, held against figures worked out by hand, and against its own identities."""

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from pipeline.sandbox.company import Company
from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.people import make_account
from pipeline.sandbox.company.pricing import Amounts, Price, Tier, charge
from pipeline.sandbox.company.records import Customer, Subscription
from pipeline.sandbox.truth import Truth
from pipeline.sandbox.truth.value import Amount, Percent, monthly, native_values, shares

END = datetime(2026, 11, 23, tzinfo=UTC)
MICRO = 1_000_000
AUGUST, SEPTEMBER, OCTOBER = date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)


def at_par(_month: date, _currency: str) -> Decimal:
    return Decimal(1)


def euro_moves(month: date, currency: str) -> Decimal:
    return Decimal(1) if currency == "usd" else Decimal("1.0512345") + Decimal(month.month) / 70


class Stage:
    """A company without a life of its own: the test says what happens."""

    def __init__(self) -> None:
        self.company = Company(1, customers=0, months=3, end=END, features=set())
        self.go(8, 1)
        self.books = self.company.books
        self.engine = self.company.subscriptions
        self.discounts = self.engine.discounts

    def go(self, month: int, day: int, hour: int = 0) -> None:
        self.company.advance(datetime(2026, month, day, hour, tzinfo=UTC))

    def customer(self, number: int = 0) -> Customer:
        account = make_account(1, number, euro=False)
        self.company.crm.add_account(account, self.books.now)
        return self.company.behaviour.sign_up.new_customer(account)

    def price(self, cents: str, product: str = "pro", interval: str = "month") -> Price:
        shop = self.books.catalogue
        price = Price(
            id=self.books.ids.new("price"),
            key=f"{product}/{interval}",
            product=shop.products[product],
            currency="usd",
            amounts=Amounts(cents),
            interval=interval,
        )
        self.books.list_price(price)
        return price

    def coupon(self, name: str) -> Coupon:
        return self.books.catalogue.coupons[name]

    def truth(self, **options: object) -> Truth:
        return Truth(self.company, at_par, **options)  # type: ignore[arg-type]

    def found(self, month: date, window: int = 1) -> dict[str, int]:
        """Component amounts by type, in major units."""
        sums: Counter[str] = Counter()
        for (_, _, kind), component in self.truth().components(month, window).items():
            sums[kind] += component.amount
        return {kind: amount // MICRO for kind, amount in sums.items()}

    def movement(self, month: date) -> str | None:
        (row,) = self.truth().movements(month).values()
        return row.movement


@pytest.fixture
def stage() -> Stage:
    return Stage()


# values


@pytest.mark.parametrize(
    ("interval", "count", "factor"),
    [("year", 1, "1/12"), ("month", 3, "1/3"), ("week", 1, "13/3"), ("day", 30, "365/360")],
)
def test_monthly_factor(interval: str, count: int, factor: str) -> None:
    price = Price("p", "k", "prod", "usd", Amounts("1"), interval, count)
    assert monthly(price) == Fraction(factor)


def test_tiers_and_packs() -> None:
    tiers = (Tier(5, "2500", "1000"), Tier(None, "1999.9", "5000"))
    graduated = Price("p", "k", "x", "usd", Amounts(tiers=tiers), tiers_mode="graduated")
    volume = Price("p", "k", "x", "usd", Amounts(tiers=tiers), tiers_mode="volume")
    packs = Price("p", "k", "x", "usd", Amounts("4500"), divide_by=5)
    assert charge(graduated, "usd", 5) == 13500
    assert charge(graduated, "usd", 7) == 13500 + Fraction("3999.8") + 5000
    assert charge(volume, "usd", 7) == Fraction("13999.3") + 5000
    assert [charge(packs, "usd", n) for n in (1, 5, 6)] == [4500, 4500, 9000]


def test_discounts_compound_and_stop_at_zero() -> None:
    listed, off = native_values(Fraction(100), (Percent(Fraction(20)), Percent(Fraction(50))))
    assert (listed, off) == (100, 60)
    assert native_values(Fraction(100), (Amount(70), Amount(70))) == (100, 100)
    assert native_values(Fraction(5, 2), ()) == (2, 0)


def test_shares_are_exact() -> None:
    assert shares(100, {"a": 1, "b": 1, "c": 1}) == {"a": 34, "b": 33, "c": 33}
    assert shares(10, {"a": 0, "b": 0}) == {"a": 0, "b": 0}


# movements and components


def test_seats_under_a_percentage(stage: Stage) -> None:
    """10 -> 25 seats at 10 under 10% off; the coupon came after the first period began."""
    sub = stage.engine.create(stage.customer(), [(stage.price("1000"), 10)])
    stage.discounts.attach(stage.coupon("ANNUAL10"), sub.customer, sub)
    stage.books.commit(sub)
    stage.go(10, 5)
    stage.engine.change(sub, sub.items[0], None, 25)
    stage.go(11, 1)
    assert stage.found(AUGUST) == {"new": 100}
    assert stage.found(SEPTEMBER) == {"discount": -10}
    assert stage.found(OCTOBER) == {"seat": 135}
    assert stage.movement(OCTOBER) == "expansion"
    assert stage.found(OCTOBER, window=2) == {"seat": 150, "discount": -25}


def test_a_percentage_stays_a_percentage_along_the_path(stage: Stage) -> None:
    """10 -> 25 seats at 10 under 20% off is `seat` +120, as the method says."""
    customer, coupons = stage.customer(), [stage.coupon("WELCOME20")]
    sub = stage.engine.create(customer, [(stage.price("1000"), 10)], coupons=coupons)
    stage.go(9, 5)
    stage.engine.change(sub, sub.items[0], None, 25)
    stage.go(10, 2)
    assert stage.found(SEPTEMBER) == {"seat": 120}


def test_a_change_at_midnight_belongs_to_the_new_month(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("1000"), 10)])
    stage.go(9, 1)
    stage.engine.change(sub, sub.items[0], None, 12)
    stage.go(10, 2)
    assert stage.found(AUGUST) == {"new": 100}
    assert stage.found(SEPTEMBER) == {"seat": 20}


def test_plan_change_takes_the_quantity_along_when_both_are_seats(stage: Stage) -> None:
    cheap, dear = stage.price("1000", "starter"), stage.price("3000", "pro")
    sub = stage.engine.create(stage.customer(), [(cheap, 10)])
    stage.go(9, 10)
    stage.engine.change(sub, sub.items[0], dear, 12)
    stage.go(10, 2)
    assert stage.found(SEPTEMBER) == {"seat": 20, "plan": 240}


def test_yearly_from_monthly_is_interval(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("1200"), 10)])
    stage.go(9, 10)
    stage.engine.change(sub, sub.items[0], stage.price("12000", "pro", "year"))
    stage.go(10, 2)
    assert stage.found(SEPTEMBER) == {"interval": -20}
    assert stage.movement(SEPTEMBER) == "contraction"


def test_add_on_and_second_subscription(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1)])
    stage.go(9, 10)
    stage.engine.add_item(sub, stage.price("3000", "support"), 1, "create_prorations")
    stage.engine.create(sub.customer, [(stage.price("7000", "insights"), 1)])
    stage.go(10, 2)
    assert stage.found(SEPTEMBER) == {"add_on": 30, "cross_sell": 70}


def test_swap_of_subscriptions_is_no_churn(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000", "starter"), 1)])
    stage.go(9, 10)
    stage.engine.end(sub, "cancellation_requested")
    stage.engine.create(sub.customer, [(stage.price("8000", "pro"), 1)])
    stage.go(10, 2)
    assert stage.found(SEPTEMBER) == {"plan": 30}
    (component,) = stage.truth().components(SEPTEMBER).values()
    assert component.paired_item_id == sub.items[0].id


def test_churn_and_reactivation(stage: Stage) -> None:
    price = stage.price("5000")
    sub = stage.engine.create(stage.customer(), [(price, 1)])
    stage.go(9, 10)
    stage.engine.end(sub, "cancellation_requested")
    stage.go(10, 10)
    stage.engine.create(sub.customer, [(price, 2)])
    stage.go(11, 2)
    assert [stage.movement(month) for month in (AUGUST, SEPTEMBER, OCTOBER)] == [
        "new", "churn", "reactivation",
    ]  # fmt: skip
    assert stage.found(OCTOBER) == {"reactivation": 100}


def test_came_and_left_within_the_month_is_nothing_but_was_paid(stage: Stage) -> None:
    price = stage.price("5000")
    sub = stage.engine.create(stage.customer(), [(price, 1)])
    stage.go(8, 10)
    stage.engine.end(sub, "cancellation_requested")
    stage.go(10, 10)
    stage.engine.create(sub.customer, [(price, 2)])
    stage.go(11, 2)
    assert stage.truth().months()[0] == OCTOBER
    assert stage.movement(OCTOBER) == "reactivation"


def test_cancellation_counts_until_the_period_ends(stage: Stage) -> None:
    stage.go(8, 15)
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 1)])
    stage.go(8, 20)
    stage.engine.request_cancellation(sub, None)
    stage.go(11, 1)
    assert sub.ended_at == int(datetime(2026, 9, 15, tzinfo=UTC).timestamp())
    assert [stage.movement(month) for month in (AUGUST, SEPTEMBER)] == ["new", "churn"]


def test_trial_counts_from_its_conversion(stage: Stage) -> None:
    stage.go(8, 25)
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 2)], trial_days=14)
    stage.go(10, 2)
    assert not stage.truth().snapshot(AUGUST)
    assert stage.found(SEPTEMBER) == {"new": 100}
    assert sub.items[0].ledger.states[-1][0] == sub.trial_end


@pytest.mark.parametrize("kind", ["collection", "status"])
def test_paused_does_not_count(stage: Stage, kind: str) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 2)])
    stage.go(9, 20)
    if kind == "collection":
        stage.engine.pause_collection(sub, "void", None)
    else:
        stage.engine.pause(sub)
    stage.go(10, 20)
    (stage.engine.resume_collection if kind == "collection" else stage.engine.resume)(sub)
    stage.go(11, 2)
    assert [stage.movement(month) for month in (SEPTEMBER, OCTOBER)] == ["churn", "reactivation"]


def test_free_then_paid_is_contraction_then_expansion(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 2)])
    stage.go(8, 20)
    record = stage.discounts.attach(stage.coupon("COMMUNITY"), sub.customer, sub)
    stage.books.commit(sub)
    stage.go(9, 20)
    stage.discounts.detach(record, sub.customer, sub, None)
    stage.books.commit(sub)
    stage.go(11, 2)
    assert [stage.movement(month) for month in (SEPTEMBER, OCTOBER)] == [
        "contraction", "expansion",
    ]  # fmt: skip
    assert stage.found(OCTOBER) == {"discount": 100}


def test_usage_is_the_latest_billed_period(stage: Stage) -> None:
    stage.engine.usage = lambda _item, _start, _end: 10_000
    plan, api = stage.price("5000"), stage.books.catalogue.price("api/month", "usd")
    stage.go(8, 10)
    stage.engine.create(stage.customer(), [(plan, 1), (api, None)])
    stage.go(10, 2)
    assert stage.found(AUGUST) == {"new": 50}
    assert stage.found(SEPTEMBER) == {"usage": 35}


def test_an_amount_off_is_shared_by_list(stage: Stage) -> None:
    orders = [(stage.price("3000"), 1), (stage.price("6000", "insights"), 1)]
    customer = stage.customer()
    stage.engine.create(customer, orders, coupons=[stage.coupon("SAVE50")])
    values = {item.price_id: item for item in stage.truth().snapshot(AUGUST).values()}
    off = [values[price.id].discount_mrr for price, _ in orders]
    assert off == [16_666_667, 33_333_333]


def test_a_once_coupon_is_no_recurring_discount(stage: Stage) -> None:
    sub = stage.engine.create(
        stage.customer(), [(stage.price("3000"), 1)], coupons=[stage.coupon("ONCE25")]
    )
    assert sub.discounts == []
    (invoice,) = stage.company.objects["invoice"].values()
    assert invoice["total"] == 2250
    (item,) = stage.truth().snapshot(AUGUST).values()
    assert (item.list_mrr, item.discount_mrr) == (30 * MICRO, 0)


def test_a_yearly_plan_keeps_its_three_month_coupon_all_year(stage: Stage) -> None:
    price = stage.price("120000", "pro", "year")
    sub: Subscription = stage.engine.create(
        stage.customer(), [(price, 1)], coupons=[stage.coupon("WELCOME20")]
    )
    stage.company.advance(datetime(2027, 9, 2, tzinfo=UTC))
    truth = stage.truth()
    assert sub.discounts == []
    value = [sum(i.mrr for i in truth.snapshot(date(2027, m, 1)).values()) for m in (7, 8)]
    assert value == [80 * MICRO, 100 * MICRO]


def test_incomplete_and_expired_never_count(stage: Stage) -> None:
    stage.engine.invoicing.payment_works = lambda _sub, _attempt: False
    stage.engine.invoicing.first_payment_after = lambda _sub: None
    sub = stage.engine.create(stage.customer(), [(stage.price("3000"), 1)])
    assert sub.status == "incomplete"
    assert not stage.truth().months()
    stage.go(8, 3)
    assert sub.status == "incomplete_expired"
    assert not stage.truth().months()


def test_a_trial_without_payment_method_pauses(stage: Stage) -> None:
    sub = stage.engine.create(stage.customer(), [(stage.price("3000"), 1)], trial_days=7)
    sub.pauses_after_trial = True
    stage.go(9, 2)
    assert sub.status == "paused"
    stage.engine.resume(sub)
    stage.go(10, 2)
    assert not stage.truth().snapshot(AUGUST)
    assert stage.found(SEPTEMBER) == {"new": 30}


# identities


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("window", [1, 3])
def test_identities(seed: int, window: int) -> None:
    company = Company(seed, customers=12, months=9, end=END)
    company.advance(END)
    truth = Truth(company, euro_moves, company.accounts, timezone="America/New_York")
    for month in truth.months():
        movements = truth.movements(month, window)
        components: Counter[str] = Counter()
        for (account, _, _), component in truth.components(month, window).items():
            assert component.amount != 0
            assert component.movement == movements[account].movement
            components[account] += component.amount
        closing = _by_account(truth, month)
        for account, row in movements.items():
            assert row.opening_mrr + row.fx_mrr + row.delta_mrr == row.closing_mrr
            assert components[account] == row.delta_mrr
            assert (row.movement is None) == (row.delta_mrr == 0)
            assert closing.get(account, 0) == row.closing_mrr
        for item in truth.snapshot(month).values():
            assert item.list_mrr - item.discount_mrr == item.mrr >= 0


def _by_account(truth: Truth, month: date) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for item in truth.snapshot(month).values():
        sums[item.account_id] += item.mrr
    return dict(sums)


def test_the_demo_tells_its_story() -> None:
    company = Company()
    company.advance(END)
    truth = Truth(company, at_par, company.accounts)
    rates = {}
    for month in truth.months()[12:]:
        rows = truth.movements(month).values()
        starting = sum(row.opening_mrr + row.fx_mrr for row in rows)
        grown = sum(row.delta_mrr for row in rows if row.movement == "expansion")
        rates[month] = grown / starting
    assert rates[OCTOBER] < 0.02
    assert rates[SEPTEMBER] < 0.02
    before = [rate for month, rate in rates.items() if month < AUGUST]
    assert sum(before) / len(before) > 0.03
    assert min(before) > 0.02
    year = truth.movements(OCTOBER, 12).values()
    starting = sum(row.opening_mrr + row.fx_mrr for row in year)
    kept = sum(row.closing_mrr for row in year if row.movement not in {"new", "reactivation"})
    assert 0.95 < kept / starting < 1.15
