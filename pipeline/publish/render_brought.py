"""Who brought the expansion, as a person reads it in a terminal.

Belongs here: layout and words of that section. Does not belong here: reading (`brought`).
"""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.publish.brought import Brought, Won
from pipeline.publish.names import ATTRIBUTIONS

BAR = 28
MONTHS_A_YEAR = 12
OUTCOMES = {
    "paid": "brought expansion",
    "spare": "beside another deal that did",
    "no_money": "without money",
    "pending": "too young to tell",
    "unmatched": "of no customer",
}
NO_CRM = (
    "Who brought it: no CRM is connected, so nobody knows what was sold and what came by itself."
)


def render_brought(found: Brought | None, currency: str) -> RenderableType:
    """The section "Who brought it", in the reporting currency; one sentence where no CRM is connected."""
    if found is None:
        return Text(NO_CRM, style="dim")
    lines = [sensitivity(found), _pipeline(found, currency), _won(found.won)]
    return Group(_shares(found, currency), *(Text(line) for line in lines if line))


def _shares(found: Brought, currency: str) -> RenderableType:
    if not found.shares:
        return Text(f"Who brought it: nobody expanded in {found.month:%B %Y}.", style="dim")
    table = Table(
        title=f"Who brought it ({currency.upper()})",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("Brought by", no_wrap=True)
    for name in (f"{found.month:%b %Y}", "Accounts", "Share"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    whole = sum(each.amount for each in found.shares)
    for each in found.shares:
        share = _share(each.amount, whole)
        table.add_row(
            ATTRIBUTIONS.get(each.attribution, each.attribution),
            f"{each.amount:+,.0f}",
            str(each.accounts),
            f"{share:.0%}",
            Text("█" * round(BAR * min(max(share, 0.0), 1.0)), style="green"),
        )
    return table


def sensitivity(found: Brought) -> str:
    """How much hangs on the windows: the share of sales under each."""
    shares = [
        _share(parts.get("sales_driven", 0.0), sum(parts.values()))
        for parts in found.sensitivity.values()
    ]
    if not shares:
        return ""
    each_day = [str(days) for days in found.sensitivity]
    told = [f"{each:.0%}" for each in shares]
    if len(told) > 1 and len(set(told)) == 1:
        return f"Sales would be {told[0]} with windows of {_listed(each_day, 'or')} days alike."
    return f"Sales would be {_listed(told, 'and')} with windows of {_listed(each_day, 'and')} days."


def _pipeline(found: Brought, currency: str) -> str:
    if not found.open_deals:
        return f"No expansion deal was open at the end of {found.month:%B %Y}."
    line = (
        f"Open at the end of {found.month:%B %Y}: {_deals(found.open_deals)} over "
        f"{found.open_amount:,.0f} {currency.upper()}"
    )
    if found.weighted is None:
        return f"{line}; how likely they are won is not known."
    return f"{line}, weighted {found.weighted:,.0f}."


def _won(won: Won) -> str:
    count = sum(won.outcomes.values())
    since = "the month" if won.months == 1 else f"{won.months} months"
    if not count:
        return f"No expansion deal was won in {since}."
    parts = [
        f"{won.outcomes[each]:,} {said}"
        for each, said in OUTCOMES.items()
        if won.outcomes.get(each)
    ]
    sentence = f"{_deals(count)} won in {since}: {', '.join(parts)}."
    if won.amount <= 0:
        return sentence
    ratio = won.attributed * MONTHS_A_YEAR / won.amount
    return f"{sentence} They brought {ratio:.0%} of their amounts as yearly revenue."


def _deals(count: int) -> str:
    return f"{count:,} expansion deal{'' if count == 1 else 's'}"


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _listed(words: list[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
