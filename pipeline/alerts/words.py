"""Figures as people write them.

Belongs here: names of metrics, formats of shares, money and months.
"""

from collections.abc import Sequence
from datetime import date

from pipeline.alerts.rules import metric_of, threshold_of
from pipeline.config import AlertRule
from pipeline.schemas import EXPANSION_METRICS

SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
METRICS = {
    "expansion_rate": "Expansion rate",
    "expansion_rate_annualised": "Annualised expansion rate",
    "nrr": "Net revenue retention",
    "grr": "Gross revenue retention",
    "logo_retention": "Logo retention",
    "quick_ratio": "Quick ratio",
    "mrr_growth_rate": "MRR growth",
    "attainment": "Attainment of the expansion target",
    "top1_share": "Share of the largest expanding account",
    "top5_share": "Share of the five largest expanding accounts",
    "top10_share": "Share of the ten largest expanding accounts",
}
SMALL = 0.1
"""Shares below have two decimals, so that 1.96% does not read as the 2% it misses."""
PLAIN = ("quick_ratio", "quick_ratio_with_reactivation")
TYPES = {
    "seat": "seats",
    "plan": "plan upgrades",
    "interval": "billing interval",
    "price": "price increases",
    "discount": "discounts",
    "usage": "usage",
    "add_on": "add-ons",
    "cross_sell": "cross-sell",
}
BARS = "▁▂▃▄▅▆▇█"
GAP = "·"
WINDOWS = {1: "", 3: " over 3 months", 12: " over 12 months"}
JUDGED = {
    "significant_drop": f"Monthly share of expanding accounts{WINDOWS[3]}",
    "segment_deterioration": f"Monthly share of expanding accounts{WINDOWS[3]}",
    "mix_shift": f"Share of expansions of another type than usual{WINDOWS[3]}",
}
"""Kinds that judge another figure than their metric, of three months together whatever their window; all are shares."""


def metric(rule: AlertRule) -> str:
    """The figure that the rule judges: `Expansion rate over 12 months`."""
    if rule.kind in JUDGED:
        return JUDGED[rule.kind]
    name = metric_of(rule)
    plain = name.replace("_", " ").capitalize().replace("mrr", "MRR").replace(" arr", " ARR")
    return METRICS.get(name, plain) + WINDOWS[rule.window_months]


def figure(rule: AlertRule, value: float | None, currency: str) -> str:
    """A value of the figure that the rule judges."""
    if rule.kind in JUDGED:
        return share(value)
    return amount(metric_of(rule), value, currency)


def amount(name: str, value: float | None, currency: str) -> str:
    """A value of a column of EXPANSION_METRICS."""
    if value is None:
        return "undefined"
    kind = EXPANSION_METRICS.column(name).kind
    if kind == "money":
        return money(value, currency)
    if kind == "ratio" and name not in PLAIN:
        return share(value)
    return f"{value:,.1f}" if name in PLAIN else f"{value:,.0f}"


def share(value: float | None) -> str:
    """A share in percent."""
    if value is None:
        return "undefined"
    return f"{value:.2%}" if abs(value) < SMALL else f"{value:.1%}"


def judged(rule: AlertRule, observed: float | None, expected: float | None, currency: str) -> str:
    """The figure that a rule judged, and what it was held against: `Expansion rate 1.15%, threshold 2%`."""
    said = f"{metric(rule)} {figure(rule, observed, currency)}"
    if rule.kind in {"floor", "target"}:
        return f"{said}, threshold {threshold(rule, threshold_of(rule), currency)}"
    if expected is None or rule.kind == "mix_shift":
        return said
    limit = "at most" if rule.kind == "concentration" else "expected"
    return f"{said}, {limit} {figure(rule, expected, currency)}"


def threshold(rule: AlertRule, value: float, currency: str) -> str:
    """The rule's threshold, with as many decimals as it has."""
    if EXPANSION_METRICS.column(metric_of(rule)).kind == "ratio" and metric_of(rule) not in PLAIN:
        return f"{round(value * 100, 4):g}%"
    return figure(rule, value, currency)


def money(units: float, currency: str) -> str:
    """An amount in whole units: `$1,234`."""
    symbol = SYMBOLS.get(currency)
    sign = "-" if units < 0 else ""
    whole = f"{abs(units):,.0f}"
    return f"{sign}{symbol}{whole}" if symbol else f"{sign}{whole} {currency.upper()}"


def month(first_day: date) -> str:
    """A month: `August 2026`."""
    return f"{first_day:%B %Y}"


def accounts(count: int) -> str:
    """A number of accounts."""
    return "1 account" if count == 1 else f"{count:,} accounts"


def change(units: float, currency: str) -> str:
    """A signed amount in whole units: `+$120`, `-$3,400`."""
    said = money(units, currency)
    return said if said.startswith("-") else f"+{said}"


def effect(value: float) -> str:
    """A relative change in whole percent: `-59%`."""
    return f"{round(value * 100):+d}%"


def chance(p: float) -> str:
    """A probability: `0.4%`."""
    least = 0.001
    return "under 0.1%" if p < least else f"{p:.1%}"


def sparkline(values: Sequence[float | None]) -> str:
    """A row of bars from the lowest to the highest value; a month without one is a dot."""
    known = [value for value in values if value is not None]
    if not known:
        return GAP * len(values)
    low, high = min(known), max(known)
    step = (high - low) / (len(BARS) - 1)
    middle = BARS[len(BARS) // 2]
    return "".join(
        GAP if value is None else (BARS[round((value - low) / step)] if step else middle)
        for value in values
    )
