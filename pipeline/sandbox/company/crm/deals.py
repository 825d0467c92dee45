# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Deals as people keep them: without money, beside other deals, too late, reopened, of any type.

What belongs here: the feature `stray_deals`, and the deals of `archived_records`. What does not: the
deals through which customers buy, which `acts` and `signup` open and close.
"""

from random import Random

from pipeline.sandbox.company.books import Books
from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.crm.people import StaffedCrm
from pipeline.sandbox.company.crm.records import OPEN_STAGE, iso
from pipeline.sandbox.company.people import Account

UNMAPPED = ("Services", "upsell", "")


class LivelyCrm(StaffedCrm):
    """A CRM with all of `CRM_TURNS` that it is asked for."""

    def __init__(self, books: Books, seed: int, features: frozenset[str]) -> None:
        super().__init__(books, seed, features)
        self._deal_rng = Random(f"{seed}/deals")  # noqa: S311
        if "owner_changes" in features:
            self.staff()

    def add_account(self, account: Account, now: int) -> None:
        """An account for which somebody now and then writes a deal down."""
        super().add_account(account, now)
        if "stray_deals" in self.features:
            self.later(self.rng(account).uniform(5, 60), self._stray, account)

    def open_deal(self, account: Account, now: int, kind: str, amount: int) -> str:
        """A deal, perhaps with an odd type, no amount, another currency, for a duplicate, or with a twin."""
        deal = super().open_deal(account, now, kind, amount)
        rng = self.rng(account)
        standing = self.standing_for(account)
        if not self.alive(account.crm_id) or (len(standing) > 1 and rng.random() < 0.3):
            self.assign(deal, rng.choice(standing) if standing else None)
        if "stray_deals" in self.features:
            draw = rng.random()
            if draw < 0.06:
                self.change("deals", deal, now, {"dealtype": rng.choice(UNMAPPED)})
            elif draw < 0.12:
                self.change("deals", deal, now, {"amount": ""})
            elif draw < 0.18:
                self.change("deals", deal, now, {"deal_currency_code": "GBP"})
            elif draw < 0.4 and kind == "existingbusiness":
                self.later(rng.uniform(0, 4), self._twin, account, amount)
        if "archived_records" in self.features and rng.random() < 0.1:
            gone = rng.choice((self._archive_deal, self._delete_deal))
            self.later(rng.uniform(1, 200), gone, deal)
        return deal

    def close_deal(self, deal: str, now: int, won: bool) -> None:
        """Closed in time, late, with an earlier date, reopened, or never."""
        if not self._there(deal):
            return
        if "stray_deals" not in self.features:
            super().close_deal(deal, now, won)
            return
        rng = self._deal_rng
        draw = rng.random()
        if draw < 0.06:
            return
        if draw < 0.14:
            self.later(rng.uniform(1, 45), self._close, deal, won, 0.0)
        elif draw < 0.22:
            self._close(deal, won, rng.uniform(1, 60))
        elif draw < 0.30:
            self._close(deal, won, 0.0)
            self.later(rng.uniform(1, 25), self._reopen, deal)
            if rng.random() < 0.7:
                self.later(rng.uniform(26, 50), self._close, deal, rng.random() < 0.6, 0.0)
        else:
            self._close(deal, won, 0.0)

    def _close(self, deal: str, won: bool, days_ago: float) -> None:
        if self._there(deal):
            super().close_deal(deal, self.books.now, won)
            if days_ago:
                closed = iso(self.books.now - int(days_ago * DAY))
                self.change("deals", deal, self.books.now, {"closedate": closed})

    def _reopen(self, deal: str) -> None:
        if self._there(deal):
            self.change("deals", deal, self.books.now, {
                "dealstage": OPEN_STAGE,
                "closedate": iso(self.books.now + 30 * DAY),
                "hs_is_closed": "false",
                "hs_is_closed_won": "false",
            })  # fmt: skip

    def _there(self, deal: str) -> bool:
        record = self.records["deals"].get(deal)
        return record is not None and not record["archived"]

    def _twin(self, account: Account, amount: int) -> None:
        """A second deal about the same."""
        rng = self.rng(account)
        twin = super().open_deal(account, self.books.now, "existingbusiness", amount + 500)
        self.later(rng.uniform(2, 45), self._close, twin, rng.random() < 0.8, 0.0)

    def _stray(self, account: Account) -> None:
        """A deal that brings nothing: won, lost, left open, or written down when all was over."""
        rng = self.rng(account)
        if rng.random() < 0.3 and self.alive(account.crm_id):
            amount = 500 * rng.randint(2, 60)
            deal = super().open_deal(account, self.books.now, "existingbusiness", amount)
            days = rng.choice((0.0, rng.uniform(0, 3), rng.uniform(3, 80), 1000.0))
            self.later(days, self._close, deal, rng.random() < 0.5, 0.0)
        self.later(rng.uniform(20, 60), self._stray, account)

    def _archive_deal(self, deal: str) -> None:
        if self._there(deal):
            self.archive("deals", deal, self.books.now)

    def _delete_deal(self, deal: str) -> None:
        self.purge("deals", deal)
