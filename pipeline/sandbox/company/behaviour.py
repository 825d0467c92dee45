# ruff: noqa: PLR2004 - the numbers of this module are chances
"""What customers do and when: sign up, grow, shrink, pause, leave, come back.

What belongs here: decisions drawn from each account's own generator, and the mood of the market.
What does not: what Stripe does about them (`subscriptions`). Every decision is drawn when its time
comes, so the life does not depend on how the clock is moved.
"""

from collections.abc import Callable

from pipeline.sandbox.company.acts import Acts
from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY, HOUR, month_start
from pipeline.sandbox.company.crm import Crm
from pipeline.sandbox.company.invoicing import Invoicing
from pipeline.sandbox.company.people import Account
from pipeline.sandbox.company.reasons import Reasons
from pipeline.sandbox.company.records import Item, Subscription
from pipeline.sandbox.company.signup import SignUp
from pipeline.sandbox.company.subscriptions import Subscriptions
from pipeline.sandbox.company.wishes import SHRINKING, WISHES, Wish


class Behaviour:
    """Draws what accounts do; `mood(at)` scales how often they grow, 1 is a normal month."""

    def __init__(
        self,
        books: Books,
        crm: Crm,
        sign_up: SignUp,
        features: frozenset[str],
        mood: Callable[[int], float],
        pace: float,
    ) -> None:
        self.books = books
        self.sign_up = sign_up
        self.subscriptions: Subscriptions = sign_up.subscriptions
        self.invoicing: Invoicing = self.subscriptions.invoicing
        self.acts = Acts(books, crm, sign_up, features)
        self.features = features
        self.mood = mood
        self.pace = pace
        self.reasons: Reasons | None = None
        self.accounts: dict[int, Account] = sign_up.accounts
        self.subscriptions.usage = self.usage
        self.invoicing.payment_works = self.payment_works
        self.invoicing.after_retries = self.after_retries
        self.invoicing.first_payment_after = self.first_payment_after
        sign_up.on_subscription = self.watch
        sign_up.mood = mood

    # what the engine asks

    def account(self, sub: Subscription) -> Account:
        """The account behind a subscription."""
        return self.sign_up.account(sub)

    def usage(self, item: Item, start: int, end: int) -> int:
        """The calls of a service period: the item's level, which grows in good months."""
        rng = self.accounts[self.sign_up.owners[item.ledger.customer]].rng
        growth = 0.022 * self.mood(end) + rng.uniform(-0.02, 0.012)
        item.calls = max(0.0, item.calls * (1 + growth))
        if rng.random() < 0.02 * min(self.pace, 2):
            return 0
        return round(item.calls * (end - start) / (30.4375 * DAY))

    def payment_works(self, sub: Subscription, attempt: int) -> bool:
        """A first attempt seldom fails, a retry of a failed one often."""
        if "failures" not in self.features or sub.latest_invoice is None:
            return True
        rng = self.account(sub).rng
        if sub.created == self.books.now:
            return sub.status == "trialing" or rng.random() > 0.02 * self.pace
        return rng.random() > (0.022 * min(self.pace, 2) if attempt == 1 else 0.42)

    def first_payment_after(self, sub: Subscription) -> int | None:
        """Most pay within hours; some never do."""
        rng = self.account(sub).rng
        return rng.randint(1, 20) if rng.random() < 0.65 else None

    def after_retries(self, sub: Subscription) -> str:
        """Most are cancelled; some stay unpaid and settle or leave later."""
        rng = self.account(sub).rng
        if rng.random() < 0.6:
            self.acts.perhaps_return(sub)
            return "cancel"
        later = self.books.now + rng.randint(4, 40) * DAY
        self.books.schedule(later, Rank.PERSON, self._end_of_unpaid, sub, rng.random() < 0.5)
        return "unpaid"

    def _end_of_unpaid(self, sub: Subscription, pays: bool) -> None:
        if sub.status != "unpaid":
            return
        if pays:
            self.invoicing.settle(sub)
        else:
            self.subscriptions.end(sub, "payment_failed")
            self.acts.perhaps_return(sub)

    # the routine of a subscription

    def watch(self, sub: Subscription) -> None:
        """From now on the customer thinks about this subscription about once a month."""
        if self.reasons is not None:
            self.reasons.watch(sub)
        rng = self.account(sub).rng
        self._think_again(sub, rng.uniform(6, 36))

    def _think_again(self, sub: Subscription, days: float) -> None:
        account = self.account(sub)
        at = self.books.now + int(days / min(self.pace, 2) * DAY)
        at += account.rng.randint(-8 * HOUR, 8 * HOUR)
        if "midnight" in self.features and account.rng.random() < 0.02 * self.pace:
            at = max(at, month_start(at + 27 * DAY))
        self.books.schedule(at, Rank.PERSON, self._think, sub)

    def _think(self, sub: Subscription) -> None:
        """One thing at most, drawn by weight, if it is possible now."""
        if sub.ended or sub.customer.deleted:
            return
        rng = self.account(sub).rng
        if sub.status in {"active", "past_due", "trialing"} and sub.pause_collection is None:
            draw = rng.random()
            for wish in WISHES:
                chance = self._chance(wish, sub)
                if draw < chance:
                    getattr(self.acts, wish.name)(sub)
                    break
                draw -= chance
        self._think_again(sub, rng.uniform(24, 37))

    def _chance(self, wish: Wish, sub: Subscription) -> float:
        if wish.feature not in self.features:
            return 0.0
        if sub.cancel_at_period_end and wish.name not in {"more_seats", "fewer_seats"}:
            return 0.0
        if sub.status != "active" and not wish.when_late:
            return 0.0
        chance = wish.chance * self.pace
        if wish.growth:
            chance *= self.mood(self.books.now)
        if wish.name in SHRINKING:
            chance *= {"small": 1.25, "middle": 0.9, "large": 0.5}[self.account(sub).size]
        if self.reasons is not None:
            chance *= self.reasons.factor(wish, sub)
        return chance
