# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Who pays which tax: drawn for each account apart from everything else it does.

What belongs here: features `taxes` (rates on subscriptions and items, automatic tax, inside the price and on top of
it) and `tax_changes` (rates that are replaced or taken away, countries that change theirs).
"""

from dataclasses import replace
from random import Random

from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.records import AutomaticTax, Subscription, TaxRate
from pipeline.sandbox.company.taxes import tax_rate

PERCENT = {
    "DE": "19", "FR": "20", "NL": "21", "ES": "21", "US": "8.875", "CA": "5", "AU": "10", "SG": "8",
}  # fmt: skip
LATER = {
    "DE": "16", "FR": "20.6", "NL": "19", "ES": "18", "US": "9.0025", "CA": "6", "AU": "12.5", "SG": "9",
}  # fmt: skip
KINDS = {
    "none": 2, "on_top": 2, "inside": 4, "two_inside": 1, "items": 2, "mixed": 1, "automatic": 4,
}  # fmt: skip


class Taxpayers:
    """Gives subscriptions their taxes."""

    def __init__(self, books: Books, seed: int, changing: bool) -> None:
        self.books = books
        self.seed = seed
        self.changing = changing
        rng = Random(f"{seed}/taxes")  # noqa: S311
        self.all_inside = rng.random() < 0.5
        self.changes_at = books.now + rng.randint(60, 400) * DAY
        self.rates: dict[tuple[str, str, bool, bool], TaxRate] = {}
        if self.all_inside:  # prices say so, else the currency decides
            for price in list(books.catalogue.by_id.values()):
                books.catalogue.put(replace(price, tax_behavior="inclusive"))

    def prepare(self, sub: Subscription) -> None:
        """The taxes of a new subscription, before its first invoice."""
        rng = Random(f"{self.seed}/taxes/{sub.customer.account}/{len(sub.customer.subscriptions)}")  # noqa: S311
        kind = rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
        self._give(sub, kind, PERCENT, rng)
        if self.changing:
            at = self.books.now + rng.randint(15, 300) * DAY + rng.randint(0, DAY)
            self.books.schedule(at, Rank.PERSON, self._change, sub, kind, rng)

    def _give(self, sub: Subscription, kind: str, percent: dict[str, str], rng: Random) -> None:
        country = self._country(sub)
        inside = self._rate(country, percent[country], inclusive=True)
        on_top = self._rate(country, percent[country], inclusive=False)
        sub.automatic_tax = None
        sub.default_tax_rates = {
            "on_top": (on_top,),
            "inside": (inside,),
            "two_inside": (inside, self._rate(country, "2.5", inclusive=True)),
            "mixed": (on_top, inside),
        }.get(kind, ())
        for item in sub.items:
            item.tax_rates = (inside,) if kind == "items" and rng.random() < 0.8 else ()
        if kind == "automatic":
            sub.automatic_tax = self._automatic(sub, country)

    def _change(self, sub: Subscription, kind: str, rng: Random) -> None:
        """The law changes the percentage; some become exempt, some move to automatic tax."""
        if sub.ended or sub.customer.deleted or any(i.start == self.books.now for i in sub.items):
            return
        becomes = kind if rng.random() < 0.6 else rng.choice(("none", "inside", "automatic"))
        self._give(sub, becomes, LATER, rng)
        self.books.commit(sub)

    def _country(self, sub: Subscription) -> str:
        found = sub.customer.obj["address"]["country"]
        return found if found in PERCENT else "US"

    def _rate(self, country: str, percent: str, inclusive: bool, managed: bool = False) -> TaxRate:
        key = (country, percent, inclusive, managed)
        if key not in self.rates:
            rate = TaxRate(
                self.books.ids.new("txr"), percent, inclusive, country, self.books.now, managed
            )
            self.rates[key] = self.books.tax_rates[rate.id] = rate
            if not managed:
                self.books.log.emit("tax_rate.created", self.books.now, tax_rate(rate))
        return self.rates[key]

    def _automatic(self, sub: Subscription, country: str) -> AutomaticTax:
        """What Stripe computes: inside the price if the price says so, else by the currency."""
        inside = self.all_inside or sub.currency != "usd"
        later = LATER if self.changing else PERCENT
        rates = [self._rate(country, each[country], inside, True) for each in (PERCENT, later)]
        return AutomaticTax(rates[0], rates[1], self.changes_at)
