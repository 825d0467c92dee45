# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Who looks after accounts: owners who share a name, owners who leave, accounts that change hands and tier.

What belongs here: the feature `owner_changes`. What does not: the owners of every company (`records`).
"""

from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.crm.life import UntidyCrm
from pipeline.sandbox.company.people import Account

NAMESAKES = (("Ann", "Lee", "ann.lee.2"), ("David", "Novak", "dnovak"))
LEAVING = ((1, 95), (4, 180))
"""Who leaves, and after how many days."""
TIERS = ("Bronze", "Silver", "Gold", "")
TIER = "customer_tier"
"""A property of the portal's own that holds the segment."""


class StaffedCrm(UntidyCrm):
    """A CRM whose accounts change hands."""

    changing = False

    def staff(self) -> None:
        """The owners of the beginning, and when some leave."""
        self.changing = True
        for first, last, name in NAMESAKES:
            number = len(self.records["owners"])
            self.hire(number, first, last, f"{name}@vendor.example", self.books.now)
        self.owner_ids = list(self.records["owners"])
        for number, days in LEAVING:
            self.later(
                days, self.archive, "owners", self.owner_ids[number], self.books.now + days * DAY
            )

    def add_account(self, account: Account, now: int) -> None:
        """An account with a tier, about which somebody thinks again every month."""
        super().add_account(account, now)
        if self.changing:
            rng = self.rng(account)
            self.change("companies", account.crm_id, now, {TIER: rng.choice(TIERS)})
            self.later(rng.uniform(5, 40), self._think_again, account)

    def _think_again(self, account: Account) -> None:
        rng = self.rng(account)
        if self.alive(account.crm_id):
            staff = [each for each, who in self.records["owners"].items() if not who["archived"]]
            changes = {}
            if rng.random() < 0.1:
                changes["hubspot_owner_id"] = rng.choice([*staff, ""])
            if rng.random() < 0.1:
                changes[TIER] = rng.choice(TIERS)
            if changes:
                self.change("companies", account.crm_id, self.books.now, changes)
        self.later(rng.uniform(24, 37), self._think_again, account)
