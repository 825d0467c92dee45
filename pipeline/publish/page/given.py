"""What the page shows and the warehouse does not know: names, thresholds, targets, policy and proofs.

Belongs here: plain values that the caller takes from the configuration and the lake.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

Proofs = Callable[[date, frozenset[str]], Mapping[str, tuple[str, ...]]]
"""Of a month and items: item -> the ids of the events, listings or invoice lines that prove it at either end."""


def no_proofs(_month: date, _items: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
    """Nothing is known of proofs."""
    return {}


Judged = Callable[[str, float | None, float | None], str]
"""Of a rule's id, what it observed and what was expected: the figure that was judged, in words."""


def figures_alone(_rule: str, observed: float | None, expected: float | None) -> str:
    """Of a rule that is not known any more, only the figures can be told."""
    told = ["none" if value is None else f"{value:,.4g}" for value in (observed, expected)]
    return f"{told[0]}, expected {told[1]}"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A line in the chart of the expansion rate: its name, and its height as a share."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Given:
    """What the configuration says.

    Attributes:
        company: whose figures these are.
        currency: the reporting currency, lower case.
        thresholds: floors of the total's expansion rate over one month.
        target: the target of that rate, if one is configured.
        policy: switch -> value, as configured.
        proofs: where proofs are read.
        judged: how the figures of a rule are told.
    """

    company: str = "Our company"
    currency: str = "usd"
    thresholds: tuple[Threshold, ...] = ()
    target: float | None = None
    policy: tuple[tuple[str, str], ...] = ()
    proofs: Proofs = field(default=no_proofs, repr=False)
    judged: Judged = field(default=figures_alone, repr=False)
