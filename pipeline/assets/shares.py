"""Accounts in shares: as many as fit into memory, or as a cluster has processors for.

Belongs here: what a share's work needs, so that it can be done anywhere. Does not belong here: the work (`mrr`,
`metrics`), where it is done (`fan_out`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline import mrr
from pipeline.assets import inputs
from pipeline.assets.fan_out import processors
from pipeline.assets.place import Place
from pipeline.months import Calendar


@dataclass(frozen=True, slots=True)
class Share:
    """Some accounts, and what is computed of them, wherever that is: nothing in it is secret.

    Attributes:
        book: of all accounts.
        policy: what values follow.
        calendar: when months end.
        months: ascending.
        root: the lake's, to which the objects are written.
        number: which of the shares it is.
        of: how many shares there are.
    """

    book: mrr.Book
    policy: mrr.Policy
    calendar: Calendar
    months: tuple[date, ...]
    root: Path | str
    number: int
    of: int

    @property
    def accounts(self) -> mrr.Book:
        """The book of these accounts."""
        return self.book.share(self.number, self.of)


def shares(place: Place, months: Sequence[date]) -> list[Share]:
    """All accounts: one share for a small company here, more for a large one or on a cluster."""
    book, address = inputs.book(place), place.settings.ray_address
    of = mrr.shares(book, least=processors(address))
    return [
        Share(book, place.policy, place.calendar(), tuple(months), place.lake.root, number, of)
        for number in range(of)
    ]
