"""The simulated company: the books, its customers, its market, its CRM, one clock.

What belongs here: putting the parts together and the story that the demo tells. The story: growth
carried by expansion for a long time, then, in the last three closed months, expansion falls under
two percent a month.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from pipeline.sandbox.company.behaviour import Behaviour
from pipeline.sandbox.company.bills import bills, currencies
from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import (
    DAY,
    HOUR,
    add_months,
    instant,
    moment,
    month_start,
)
from pipeline.sandbox.company.client_turns import ClientTurns
from pipeline.sandbox.company.crm import Crm, LivelyCrm
from pipeline.sandbox.company.invoicing import Invoicing
from pipeline.sandbox.company.option_edits import OptionEdits
from pipeline.sandbox.company.outreach import Outreach
from pipeline.sandbox.company.pending import PendingUpdates
from pipeline.sandbox.company.people import make_account
from pipeline.sandbox.company.pricing import Amounts, Price
from pipeline.sandbox.company.promotions import Promotions
from pipeline.sandbox.company.reasons import Reasons
from pipeline.sandbox.company.records import ItemLedger
from pipeline.sandbox.company.render_catalogue import unexpanded
from pipeline.sandbox.company.signup import SignUp
from pipeline.sandbox.company.versions import ENDIVE, Lookup, rendered
from pipeline.sandbox.company.wishes import (
    CRM_TURNS,
    FEATURES,
    RARE,
    REASONS,
    SALESFORCE_IDS,
    TURNS,
)

DEFAULT_END = datetime(2026, 11, 23, tzinfo=UTC)
DECLINE = {-3: 0.75, -2: 0.5, -1: 0.22}
LATE_MOOD = 0.3
SMALL = 60


MIDNIGHT = 0.05


class Company:
    """A company whose billing and CRM history unfolds as its clock moves.

    Args:
        seed: everything follows from it.
        customers: accounts that sign up between the start and `end`.
        months: whole months between the start and the month of `end`.
        end: the demo's present; the clock may go on beyond it.
        features: which kinds of life happen (of `FEATURES`, `RARE`, `CRM_TURNS`, `REASONS`); None for `FEATURES`.
        upgrades: (until when, API version) of the versions before the present one, in order of time:
            an event keeps the version of its creation.
    """

    def __init__(
        self,
        seed: int = 7,
        customers: int = 400,
        months: int = 24,
        end: datetime = DEFAULT_END,
        features: frozenset[str] | set[str] | None = None,
        upgrades: Sequence[tuple[datetime, str]] = (),
    ) -> None:
        chosen = FEATURES if features is None else frozenset(features)
        if unknown := chosen - FEATURES - RARE - CRM_TURNS - {SALESFORCE_IDS, REASONS}:
            raise ValueError(
                f"unknown features {sorted(unknown)}: choose of FEATURES, RARE and CRM_TURNS"
            )
        self.seed = seed
        self.end = instant(end)
        self.start = add_months(month_start(self.end), -months)
        self.features = chosen
        self.books = Books(seed, self.start)
        self.upgrades = [(instant(until), version) for until, version in upgrades]
        if upgrades:
            discount = self.books.objects["discount"].__getitem__
            self._lookup = Lookup(self._coupon, discount, self._price)
            self.books.log.shape = self._in_its_version
        untidy = chosen & (CRM_TURNS | {SALESFORCE_IDS})
        self.crm = LivelyCrm(self.books, seed, untidy) if untidy else Crm(self.start)
        self._size = customers
        self._months = months
        self._rng = Random(f"{seed}/market")  # noqa: S311
        self._numbers = 0
        discounts = Promotions(self.books)
        self.subscriptions = PendingUpdates(self.books, discounts, Invoicing(self.books, discounts))
        self.subscriptions.prepare += bills(self.subscriptions, seed, chosen)
        if "lookup_keys" in chosen:
            self.books.catalogue.name_prices()
        self._currencies = currencies(self.books, seed, chosen)
        if "option_edits" in chosen:
            OptionEdits(self.books, seed)
        self._sign_up = SignUp(self.books, self.crm, self.subscriptions, chosen)
        pace = 1.0 if customers > SMALL else 2.5
        self.behaviour = Behaviour(self.books, self.crm, self._sign_up, chosen, self.mood, pace)
        self.outreach = Outreach(self.books, self.subscriptions, seed)
        self.reasons: Reasons | None = None
        if REASONS in chosen:
            self.reasons = self.behaviour.reasons = Reasons(self.books, seed)
        if chosen & TURNS:
            self.turns = ClientTurns(self._sign_up, self.subscriptions, discounts, chosen, seed)
            self.turns.endive_since = max((instant(until) for until, _ in upgrades), default=0)
        self.books.schedule(self.start, Rank.DISCOUNT_END, self.books.open_shop)
        self.books.schedule(self.start, Rank.PERSON, self._month, 0)
        if "price_changes" in chosen:
            at = add_months(self.start, max(1, months // 2)) + 9 * DAY + 10 * HOUR
            self.books.schedule(at, Rank.PERSON, self._raise_prices)

    def _in_its_version(self, event: dict[str, Any]) -> dict[str, Any]:
        """An event as the API version of its time renders it."""
        older = (version for until, version in self.upgrades if event["created"] < until)
        return rendered(event, next(older, ENDIVE), self._lookup)

    def _price(self, price_id: str) -> dict[str, Any]:
        return unexpanded(self.books.objects["price"][price_id])

    def _coupon(self, coupon_id: str) -> dict[str, Any]:
        hidden = ("applies_to", "currency_options", "deleted")
        stored = self.books.objects["coupon"][coupon_id]
        return {name: value for name, value in stored.items() if name not in hidden}

    # what others read

    @property
    def now(self) -> datetime:
        """Where the clock stands."""
        return moment(self.books.now)

    @property
    def objects(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Stripe's objects by collection and id, in order of creation. Read only."""
        return self.books.objects

    @property
    def hubspot(self) -> dict[str, Any]:
        """HubSpot's records by kind and id. Read only."""
        return self.crm.records

    @property
    def ledgers(self) -> dict[str, ItemLedger]:
        """The exact history of every subscription item: what the truth is read from."""
        return self.books.ledgers

    @property
    def accounts(self) -> dict[str, str]:
        """Account id of every Stripe customer as a perfect matching through the CRM gives it."""
        found = {}
        for account in self._sign_up.accounts.values():
            for customer in account.customers:
                linked = customer.id if account.unlinked else f"hubspot:{account.crm_id}"
                found[customer.id] = linked
        return found

    @property
    def companies(self) -> dict[str, frozenset[str]]:
        """The CRM's companies that stand for each Stripe customer's account, duplicates too; perhaps none."""
        accounts = self._sign_up.accounts.values()
        numbers: dict[str, set[int]] = {}
        for account in accounts:
            numbers.setdefault(account.crm_id, set()).add(account.number)
        there = self.crm.records["companies"]
        return {
            customer.id: frozenset(
                company
                for company, number in self.crm.stands_for.items()
                if number in numbers[account.crm_id]
                and company in there
                and not there[company]["archived"]
            )
            for account in accounts
            for customer in account.customers
        }

    def advance(self, to: datetime) -> None:
        """Lives on until `to`, inclusive; the same whatever the steps. Going back is an error."""
        self.books.advance(instant(to))

    def ask(self, customers: Collection[str], persuaded: float) -> None:
        """Somebody asks these customers now whether they want more seats; a share of them is persuaded."""
        every = (each for account in self._sign_up.accounts.values() for each in account.customers)
        self.outreach.ask([each for each in every if each.id in customers], persuaded)

    # the market

    def mood(self, at: int) -> float:
        """How willing customers are to grow at an instant; 1 is normal."""
        here, last = moment(at), moment(self.end)
        distance = (here.year - last.year) * 12 + here.month - last.month
        return DECLINE.get(distance, LATE_MOOD if distance >= 0 else 1.0)

    def _month(self, number: int) -> None:
        """The sign-ups of the `number`-th month, and the next month's turn."""
        begins = self.books.now
        ends = add_months(begins, 1)
        for _ in range(self._sign_ups(number, begins, ends)):
            account = make_account(self.seed, self._numbers, "euro" in self.features)
            self._numbers += 1
            if self._currencies:
                self._currencies.settle(account)
            at = begins + int(self._rng.random() * (ends - begins))
            if "midnight" in self.features and self._rng.random() < MIDNIGHT:
                at = begins if number else begins + 30 * DAY
            lead = min(at - begins, self._rng.randint(1, 40) * DAY)
            self.books.schedule(at - lead, Rank.PERSON, self._sign_up.meet, account, at)
        self.books.schedule(ends, Rank.PERSON, self._month, number + 1)

    def _sign_ups(self, number: int, begins: int, ends: int) -> int:
        """Spread so that `customers` have signed up at `end`: many at first, then steadily."""
        share = min(1.0, max(0.0, (self.end - begins) / (ends - begins)))
        if number > self._months or share == 0.0:
            share = 1.0
        before = self._weight(float(number))
        present = month_start(self.end)
        part = (self.end - present) / (add_months(present, 1) - present)
        total = self._weight(self._months + part)
        until = self._weight(number + share)
        return round(self._size * until / total) - round(self._size * before / total)

    @staticmethod
    def _weight(month: float) -> float:
        """Sign-ups from the start to `month`, on no particular scale."""
        return month + 3.0 * min(1.0, month)

    def _raise_prices(self) -> None:
        """Starter and Pro cost more from today; the old prices are archived."""
        shop = self.books.catalogue
        raised = {
            "starter/month": "1650", "pro/month": "4200", "starter/month/eur": "1550",
            "pro/month/eur": "3950",
        }  # fmt: skip
        for key, amount in raised.items():
            old = shop.by_key[key]
            further = self._currencies.options(Amounts(amount)) if self._currencies else {}
            price = Price(
                id=self.books.ids.new("price"),
                key=key,
                product=old.product,
                currency=old.currency,
                amounts=Amounts(amount),
                interval=old.interval,
                interval_count=old.interval_count,
                created=self.books.now,
                tax_behavior=old.tax_behavior,
                lookup_key=old.lookup_key,
                options=further if old.currency == "usd" else {},
            )
            self.books.list_price(price)
            self.books.archive_price(old.id)
