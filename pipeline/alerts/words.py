"""Figures as people write them.

Belongs here: names of metrics, formats of shares, money and months.
"""

from datetime import date

from pipeline.alerts.rules import metric_of
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
}
SMALL = 0.1
"""Shares below have two decimals, so that 1.96% does not read as the 2% it misses."""
PLAIN = ("quick_ratio", "quick_ratio_with_reactivation")
TYPES = {
    "seat": "seats",
    "plan": "plan upgrades",
    "interval": "billing interval",
    "price": "price increases",
    "discount": "ended discounts",
    "usage": "usage",
    "add_on": "add-ons",
    "cross_sell": "cross-sell",
}
WINDOWS = {1: "", 3: " over 3 months", 12: " over 12 months"}


def metric(rule: AlertRule) -> str:
    """The rule's metric: `Expansion rate over 12 months`."""
    name = metric_of(rule)
    plain = name.replace("_", " ").capitalize().replace("mrr", "MRR").replace(" arr", " ARR")
    return METRICS.get(name, plain) + WINDOWS[rule.window_months]


def figure(rule: AlertRule, value: float | None, currency: str) -> str:
    """A value of the rule's metric."""
    name = metric_of(rule)
    if value is None:
        return "undefined"
    if EXPANSION_METRICS.column(name).kind == "money":
        return money(value, currency)
    if EXPANSION_METRICS.column(name).kind == "ratio" and name not in PLAIN:
        return f"{value:.2%}" if abs(value) < SMALL else f"{value:.1%}"
    return f"{value:,.1f}" if name in PLAIN else f"{value:,.0f}"


def threshold(rule: AlertRule, value: float, currency: str) -> str:
    """The rule's threshold, with as many decimals as it has."""
    if EXPANSION_METRICS.column(metric_of(rule)).kind == "ratio" and metric_of(rule) not in PLAIN:
        return f"{round(value * 100, 4):g}%"
    return figure(rule, value, currency)


def money(amount: float, currency: str) -> str:
    """An amount in whole units: `$1,234`."""
    symbol = SYMBOLS.get(currency)
    sign = "-" if amount < 0 else ""
    whole = f"{abs(amount):,.0f}"
    return f"{sign}{symbol}{whole}" if symbol else f"{sign}{whole} {currency.upper()}"


def month(first_day: date) -> str:
    """A month: `August 2026`."""
    return f"{first_day:%B %Y}"


def accounts(count: int) -> str:
    """A number of accounts."""
    return "1 account" if count == 1 else f"{count:,} accounts"
