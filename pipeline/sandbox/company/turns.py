# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Turns of a life that the usual wishes lack: who wants them and when, one feature each.

What belongs here: decisions, drawn from a generator of the subscription's own, so that a company
that names no further feature lives as it always did. What does not: what Stripe does about them
(`edits`, `pending`, `phases`), and what concerns more than a subscription (`client_turns`).
"""

from collections.abc import Callable
from random import Random

from pipeline.sandbox.company.acts import FEEDBACK
from pipeline.sandbox.company.books import Rank
from pipeline.sandbox.company.calendar import DAY, HOUR, month_start, period_around
from pipeline.sandbox.company.pending import PendingUpdates
from pipeline.sandbox.company.phases import Phase, PhasedSchedules
from pipeline.sandbox.company.pricing import Price, charge
from pipeline.sandbox.company.records import Item, Subscription
from pipeline.sandbox.company.signup import SignUp
from pipeline.sandbox.company.subscriptions import Order

Turn = Callable[[Subscription, Random], None]
BEHAVIORS = ("create_prorations", "always_invoice")
PHASE_COUPONS = ("ANNUAL10", "LOYAL15", "SAVE50", "LAUNCH30", "PLANS12", "ONCE25")


class Turns:
    """Lets every subscription take a turn about once a month."""

    def __init__(
        self, sign_up: SignUp, edits: PendingUpdates, features: frozenset[str], seed: int
    ) -> None:
        self.books = sign_up.books
        self.sign_up = sign_up
        self.edits = edits
        self.phased = PhasedSchedules(self.books, edits)
        self.phased.on_start = self.watch
        self.endive_since = 0
        """From when on events have the newest shape: what older ones cannot show waits for it."""
        self._seed = seed
        self._coincide = "coincidences" in features
        self._turns: list[Turn] = [
            turn for name, turn in sorted(self._by_feature().items()) if name in features
        ]
        self._watched = sign_up.on_subscription
        sign_up.on_subscription = self.watch

    def _by_feature(self) -> dict[str, Turn]:
        return {
            "anchors": self.reset_anchor,
            "annotations": self.annotate,
            "chosen_ends": self.end_on_a_day,
            "item_trials": self.try_add_on,
            "pending_updates": self.ask_for_more,
            "phases": self.plan_phases,
            "replacements": self.replace,
            "resumptions": self.hold,
            "returning_items": self.leave_and_return,
            "swapped_items": self.swap,
            "trial_changes": self.change_trial,
            "zero_quantities": self.to_zero,
        }

    def watch(self, sub: Subscription) -> None:
        """From now on this subscription takes turns."""
        self._watched(sub)
        rng = Random(f"{self._seed}/turns/{sub.id}")  # noqa: S311
        self._later(sub, rng, rng.uniform(1, 25))

    def _later(self, sub: Subscription, rng: Random, days: float) -> None:
        at = self.books.now + int(days * DAY)
        boundary = min((item.end for item in sub.items), default=0)
        draw = rng.random()
        if draw < 0.05:
            at = max(at, month_start(at + 27 * DAY))
        elif self._coincide and draw < 0.15 and boundary > self.books.now:  # in its very second
            at = boundary
        self.books.schedule(at, Rank.PERSON, self._take, sub, rng)

    def _take(self, sub: Subscription, rng: Random) -> None:
        if sub.ended or sub.customer.deleted:
            return
        if not sub.cancel_at_period_end:
            rng.choice(self._turns)(sub, rng)
        self._later(sub, rng, rng.uniform(12, 45))

    def _after(self, days: float, act: Callable[..., None], *what: object) -> int:
        at = self.books.now + int(days * DAY)
        self.books.schedule(at, Rank.PERSON, act, *what)
        return at

    @staticmethod
    def _at_work(sub: Subscription) -> bool:
        """Whether it is paid for and nothing is planned for it."""
        return (
            sub.status == "active"
            and sub.pause_collection is None
            and sub.schedule is None
            and sub.cancel_at is None
            and sub.pending_update is None
            and not sub.customer.deleted
        )

    @staticmethod
    def _licensed(sub: Subscription) -> list[Item]:
        return [item for item in sub.items if not item.price.metered and item.trial is None]

    def annotate(self, sub: Subscription, rng: Random) -> None:
        """Notes on the subscription and the customer: events in which no figure changes."""
        sub.metadata = {**sub.metadata, "order": str(rng.randint(1000, 9999))}
        self.books.commit(sub)
        self.books.change_customer(sub.customer, description=f"Order {sub.metadata['order']}")

    # the billing cycle

    def reset_anchor(self, sub: Subscription, _rng: Random) -> None:
        """From today on every period begins on this day."""
        if self._at_work(sub):
            self.edits.reset_anchor(sub)

    def end_on_a_day(self, sub: Subscription, rng: Random) -> None:
        """An end at a chosen instant; half change their mind in time."""
        if not self._at_work(sub):
            return
        days = rng.uniform(1, 60)
        at = self.books.now + int(days * DAY)
        behavior = rng.choice((*BEHAVIORS, "none"))
        self.edits.cancel_on(sub, at, rng.choice(FEEDBACK), behavior)
        if rng.random() < 0.5:
            self._after(rng.uniform(0, days), self.edits.withdraw_end, sub, at)

    # trials

    def change_trial(self, sub: Subscription, rng: Random) -> None:
        """A trial is made longer, or ends early; a customer who pays is seldom given another."""
        now = self.books.now
        if sub.status == "trialing" and sub.trial_end is not None and sub.schedule is None:
            if rng.random() < 0.5:
                self.edits.end_trial(sub)
            else:
                change = rng.uniform(-0.5, 2) * (sub.trial_end - now)
                self.edits.move_trial_end(sub, sub.trial_end + int(change) + HOUR)
        elif self._at_work(sub) and rng.random() < 0.3:
            self.edits.try_again(sub, now + rng.randint(2, 40) * DAY)

    def try_add_on(self, sub: Subscription, rng: Random) -> None:
        """An add-on, free until the next renewal or a day before."""
        key = rng.choice(("support", "insights"))
        held = {item.price.product for item in sub.items}
        interval = sub.items[0].price.interval
        catalogue = self.books.catalogue
        if not self._at_work(sub) or not catalogue.sells(f"{key}/{interval}", sub.currency):
            return
        price = catalogue.price(f"{key}/{interval}", sub.currency)
        if price.product in held or self.books.now < self.endive_since:
            return
        until = min(item.end for item in sub.items)
        if rng.random() < 0.5 and until - self.books.now > 3 * DAY:
            until = self.books.now + int(rng.uniform(0.2, 0.9) * (until - self.books.now))
        item = self.edits.add_on_trial(sub, price, rng.randint(1, 15), until)
        if rng.random() < 0.3:
            days = rng.uniform(0, (until - self.books.now) / DAY)
            self._after(days, self._give_back, sub, item)

    def _give_back(self, sub: Subscription, item: Item) -> None:
        others = item in sub.items and len(sub.items) > 1
        if self._at_work(sub) and others and item.trial is not None:
            self.edits.remove_item(sub, item, "create_prorations")

    # items

    def to_zero(self, sub: Subscription, rng: Random) -> None:
        """Nobody uses it for a while: no units, later some again."""
        items = self._licensed(sub)
        if not items or not self._at_work(sub):
            return
        item = rng.choice(items)
        before = item.quantity or 0
        if before:
            self.edits.change(sub, item, None, 0, rng.choice(BEHAVIORS))
            more = max(1, round(before * rng.uniform(0.5, 1.5)))
            self._after(rng.uniform(1, 50), self._from_zero, sub, item, more)

    def _from_zero(self, sub: Subscription, item: Item, quantity: int) -> None:
        settled = item.start != self.books.now
        if self._at_work(sub) and item in sub.items and settled and not item.quantity:
            self.edits.change(sub, item, None, quantity)

    def swap(self, sub: Subscription, rng: Random) -> None:
        """The same product, or another one, under another item id."""
        items = [each for each in self._licensed(sub) if each.end > self.books.now]
        if not items or not self._at_work(sub):
            return
        item = rng.choice(items)
        price = item.price
        if rng.random() < 0.4:
            others = [
                each
                for each in self.books.catalogue.by_key.values()
                if each.interval == price.interval
                and each.interval_count == price.interval_count
                and each.currency == price.currency == sub.currency
                and not each.metered
                and each.product not in {held.price.product for held in sub.items}
            ]
            price = rng.choice(others) if others else price
        quantity = max(1, (item.quantity or 1) + rng.randint(-2, 3))
        self.edits.swap_item(sub, item, price, quantity, rng.choice(BEHAVIORS))

    def leave_and_return(self, sub: Subscription, rng: Random) -> None:
        """An item is taken off and put back some days later, under another id."""
        items = self._licensed(sub)
        if len(items) < 2 or not self._at_work(sub):
            return
        item = rng.choice(items)
        behavior = rng.choice(BEHAVIORS)
        self.edits.remove_item(sub, item, behavior)
        days = rng.choice((0, rng.uniform(0, 3), rng.uniform(3, 40)))
        self._after(days, self._put_back, sub, item, behavior)

    def _put_back(self, sub: Subscription, item: Item, behavior: str) -> None:
        held = {each.price.product for each in sub.items}
        if self._at_work(sub) and item.price.product not in held:
            self.edits.add_item(sub, item.price, item.quantity, behavior)

    def ask_for_more(self, sub: Subscription, rng: Random) -> None:
        """More units, or the next plan, that wait for their payment; a third is never paid."""
        items = self._licensed(sub)
        soon = self.books.now + DAY
        rich = sub.pending or sub.customer.obj["balance"] or any(i.end <= soon for i in sub.items)
        if not items or not self._at_work(sub) or rich:
            return
        item = rng.choice(items)
        quantity = (item.quantity or 0) + rng.randint(1, 10)
        price = item.price
        dearer = self.books.catalogue.by_key.get(price.key.replace("starter/", "pro/"))
        same = dearer and (dearer.interval, dearer.currency) == (price.interval, price.currency)
        if dearer is not None and same and rng.random() < 0.5:
            price = dearer
        extra = charge(price, sub.currency, quantity)
        if extra <= charge(item.price, sub.currency, item.quantity or 0) + 500:
            return
        after = rng.choice((0, rng.randint(1, 22), None))
        self.edits.change_when_paid(sub, item, (price, quantity), after)

    # schedules

    def plan_phases(self, sub: Subscription, rng: Random) -> None:
        """Two to four phases with other prices, quantities, coupons or a trial; or one to come."""
        items = self._licensed(sub)
        if not items or not self._at_work(sub):
            return
        if rng.random() < 0.15:
            at = self.books.now + rng.randint(1, 40) * DAY
            orders: list[Order] = [(rng.choice(items).price, rng.randint(1, 12))]
            self.phased.start_later(sub.customer, orders, at, at + rng.randint(20, 120) * DAY)
            return
        phases = [Phase(self.books.now, self._next_turn(sub, self.books.now, rng))]
        for _ in range(rng.randint(1, 3)):
            start = phases[-1].end
            phases.append(self._phase(items, start, self._next_turn(sub, start, rng), rng))
        ends = rng.choice(("release", "release", "cancel"))
        obj = self.phased.plan(sub, phases, ends)
        if rng.random() < 0.3:
            days = rng.uniform(1, (phases[-1].end - self.books.now) / DAY)
            early = rng.choice((self.phased.release, self.phased.release, self.phased.cancel))
            self._after(days, early, sub, obj)

    def _next_turn(self, sub: Subscription, start: int, rng: Random) -> int:
        """The end of a phase: on a boundary of the billing cycle, or on any day."""
        item = rng.choice(sub.items)
        if rng.random() < 0.5 and item.price.interval == "month":
            count = item.price.interval_count
            return period_around(sub.anchor, "month", count, start)[1]
        return start + int(rng.uniform(3, 45) * DAY)

    def _phase(self, items: list[Item], start: int, end: int, rng: Random) -> Phase:
        if rng.random() < 0.12:
            return Phase(start, end, trial=True)
        changes: dict[Item, tuple[Price, int | None]] = {}
        for item in items:
            if rng.random() < 0.7:
                quantity = max(1, (item.quantity or 0) + rng.randint(-4, 6))
                changes[item] = (self._other_price(item, rng), quantity)
        coupon = None
        if rng.random() < 0.3:
            coupon = self.books.catalogue.coupons[rng.choice(PHASE_COUPONS)]
        behavior = rng.choice((*BEHAVIORS, "none"))
        return Phase(start, end, changes, coupon, behavior=behavior)

    def _other_price(self, item: Item, rng: Random) -> Price:
        ladder = {"starter": "pro", "pro": "starter"}
        plan, _, rest = item.price.key.partition("/")
        other = self.books.catalogue.by_key.get(f"{ladder.get(plan, plan)}/{rest}", item.price)
        fits = other.interval_count == item.price.interval_count
        return other if fits and rng.random() < 0.3 else item.price

    # pauses and ends

    def hold(self, sub: Subscription, rng: Random) -> None:
        """Collection pauses, the pause is changed, ends by itself or by hand; or a short real pause."""
        metered = any(item.price.metered for item in sub.items)
        if metered or not self._at_work(sub):
            return
        if rng.random() < 0.3:
            self.edits.pause(sub)
            self._after(rng.uniform(0, 12), self.edits.resume_unchanged, sub)
            self._after(rng.uniform(12, 40), self.edits.resume, sub)
            return
        behaviors = ("void", "keep_as_draft", "mark_uncollectible")
        first = self.books.now + int(rng.uniform(1, 50) * DAY)
        self.edits.hold_collection(sub, rng.choice(behaviors), rng.choice((first, None)))
        if rng.random() < 0.5:
            again = first + int(rng.uniform(0, 20) * DAY)
            days = rng.uniform(0, (first - self.books.now) / DAY)
            self._after(days, self._hold_on, sub, rng.choice(behaviors), again)
        self._after(rng.uniform(20, 90), self.edits.resume_collection, sub)

    def _hold_on(self, sub: Subscription, behavior: str, until: int) -> None:
        if sub.pause_collection is not None and not sub.ended:
            self.edits.hold_collection(sub, behavior, until)

    def replace(self, sub: Subscription, rng: Random) -> None:
        """Cancelled and created anew for the same customer: at once, days later, or days before."""
        if not self._at_work(sub) or not self._licensed(sub):
            return
        orders: list[Order] = [(item.price, item.quantity) for item in self._licensed(sub)]
        if rng.random() < 0.4:
            price, quantity = orders[0]
            orders[0] = (price, max(1, (quantity or 0) + rng.randint(-3, 5)))
        lag = rng.choice((0.0, 0.0, rng.uniform(0, 2), rng.uniform(2, 25)))
        if rng.random() < 0.25:
            self._begin(sub, orders)
            self._after(lag, self.edits.end, sub, "cancellation_requested")
        else:
            self.edits.end(sub, "cancellation_requested")
            self._after(lag, self._begin, sub, orders)

    def _begin(self, sub: Subscription, orders: list[Order]) -> None:
        if not sub.customer.deleted and sub.customer.currency == sub.currency:
            new = self.edits.create(sub.customer, orders)
            self.sign_up.on_subscription(new)
