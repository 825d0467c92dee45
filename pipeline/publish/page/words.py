"""Names and formats of the page.

Belongs here: words for what the tables name, and how money, shares and months are written.
"""

from datetime import date

from pipeline.publish.names import ATTRIBUTIONS, TYPES

COMPONENTS = {**TYPES, "new": "New", "reactivation": "Came back", "churn": "Churn"}
MOVEMENTS = {"expansion": "grew", "contraction": "shrank", "churn": "left"}
GRADES = {
    "exact": "Proved at both ends: every event in between is known.",
    "invoiced": "Neighbouring invoices agree.",
    "bounded": "It changed between two known instants, and counts from the later one.",
    "inferred": "A rule filled it in, because no evidence covers the time.",
}
FIGURES = {
    "ending_mrr": "ending MRR",
    "expansion_mrr": "expansion MRR",
    "expansion_rate": "expansion rate",
    "nrr": "NRR",
    "grr": "GRR",
}
NOTHING = "–"


def money(value: float | None) -> str:
    """Whole units with separators: `12,345`."""
    return NOTHING if value is None else f"{round(value):,}".replace("-", "−")


def signed(value: float | None) -> str:
    """The same with its sign: `+12,345`, `−12,345`."""
    if value is None:
        return NOTHING
    whole = round(value)
    return f"{whole:+,}".replace("-", "−") if whole else "0"


def share(value: float | None, decimals: int = 1) -> str:
    """A share as per cent: `3.4%`."""
    return NOTHING if value is None else f"{value:.{decimals}%}"


def points(value: float | None) -> str:
    """A difference of two shares in percentage points: `+1.2 pp`."""
    return NOTHING if value is None else f"{value * 100:+.1f} pp".replace("-", "−")


def kind(name: str) -> str:
    """A type of change for people; one that has no name yet as it is."""
    return COMPONENTS.get(name, name)


def brought_by(attribution: str) -> str:
    """Who brought it, in words."""
    return ATTRIBUTIONS.get(attribution, attribution)


def month(value: date) -> str:
    """`October 2026`."""
    return f"{value:%B %Y}"


def plain(name: str) -> str:
    """A name of ours for people: `needs_improvement` is `needs improvement`."""
    return name.replace("_", " ")


def listed(words: list[str]) -> str:
    """`a, b and c`."""
    if len(words) < 2:  # noqa: PLR2004
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def counted(count: int, thing: str) -> str:
    """`1 account`, `2 accounts`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
