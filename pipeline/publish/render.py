"""The summary as a person reads it in a terminal of 100 columns.

Belongs here: layout, formats of numbers, words. Does not belong here: reading (`summary`).
"""

import html

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.publish.names import TYPES
from pipeline.publish.render_brought import render_brought
from pipeline.publish.summary import Figures, Sent, Summary, TypeOfExpansion

BAR = 28
LARGE, THOUSAND = 10_000_000, 1_000
"""From so much MRR on, the waterfall is in thousands: it fits into 100 columns."""
STATUS = {
    "sent": ("sent", "green"),
    "pending": ("waiting to be sent", "yellow"),
    "sending": ("being sent", "yellow"),
    "unknown": ("sent, not confirmed yet", "yellow"),
    "dead": ("could not be delivered", "red"),
    "no_destination": ("not sent: no Slack is connected", "yellow"),
}


def render(found: Summary, currency: str = "usd") -> RenderableType:
    """What to print: waterfall, headline figures, expansion by type, who brought it, evidence, policy, messages."""
    if not found.months:
        return Text("The warehouse holds no month yet. Type: expansion run", style="yellow")
    parts: list[RenderableType] = [
        _waterfall(found, currency),
        _headline(found),
        _types(found.types, found, currency),
        *([render_brought(found.brought, currency)] if found.types else []),
        _notes(found),
    ]
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts), *_messages(found.messages))


def _waterfall(found: Summary, currency: str) -> Table:
    large = max(each.closing for each in found.months) >= LARGE
    scale, unit = (THOUSAND, "thousands") if large else (1, "whole units")
    table = Table(
        title=f"MRR, month by month ({currency.upper()}, {unit})",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption=_marks(found),
        caption_justify="left",
    )
    table.add_column("Month", no_wrap=True)
    names = ("Opening", "FX", "New", "Expansion", "Contraction", "Churn", "Reactiv.", "Closing")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for each in found.months:
        table.add_row(
            _month(each),
            _whole(each.opening / scale),
            _signed(each.fx / scale),
            _signed(each.new / scale),
            Text(_signed(each.expansion / scale), style="green"),
            Text(_signed(-each.contraction / scale), style="red"),
            Text(_signed(-each.churned / scale), style="red"),
            _signed(each.reactivation / scale),
            Text(_whole(each.closing / scale), style="bold"),
            style="dim" if each.provisional else "",
        )
    return table


def _headline(found: Summary) -> RenderableType:
    last, year = found.last_closed, found.year
    if last is None:
        return Text("No month is closed yet: rates follow when the first one is.", style="dim")
    table = Table(
        title="Retention",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for name in ("", "Expansion rate", "NRR", "GRR", "Quick ratio", "Benchmark"):
        table.add_column(
            name, justify="left" if name in {"", "Benchmark"} else "right", no_wrap=True
        )
    table.add_row(f"{last.month:%B %Y}", *_rates(last))
    if year is not None:
        table.add_row(f"12 months to {year.month:%B %Y}", *_rates(year))
    return table


def _types(types: tuple[TypeOfExpansion, ...], found: Summary, currency: str) -> RenderableType:
    if not types or found.last_closed is None:
        return Text("No account has expanded in a closed month yet.", style="dim")
    table = Table(
        title=f"Where expansion comes from ({currency.upper()})",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("Type", no_wrap=True)
    table.add_column(f"{found.last_closed.month:%b %Y}", justify="right", no_wrap=True)
    table.add_column("Accounts", justify="right", no_wrap=True)
    # A company younger than that has no revenue at the window's opening that could have expanded.
    whole_year = any(each.year for each in types)
    if whole_year:
        table.add_column("12 months", justify="right", no_wrap=True)
    table.add_column("Share", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    amounts = [each.year if whole_year else each.month for each in types]
    whole = sum(amounts)
    for each, amount in zip(types, amounts, strict=True):
        share = amount / whole if whole > 0 else 0.0
        table.add_row(
            TYPES.get(each.type, each.type),
            _signed(each.month),
            str(each.accounts),
            *([_signed(each.year)] if whole_year else []),
            f"{share:z.0%}",
            Text("█" * round(BAR * min(max(share, 0.0), 1.0)), style="green"),
        )
    return table


def _notes(found: Summary) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    last = found.months[-1]
    linked = "" if found.linked is None else f", {found.linked:.0%} of them CRM accounts"
    when = f"{'in' if last.provisional else 'at the end of'} {last.month:%B %Y}"
    table.add_row("Accounts", f"{found.accounts:,} with MRR {when}{linked}")
    grades = " · ".join(f"{share:.1%} {grade}" for grade, share in found.evidence.items())
    table.add_row("Evidence", f"{grades or 'none'} (share of account-months)")
    table.add_row("Policy", Text(last.policy))
    return table


def _messages(messages: tuple[Sent, ...]) -> list[RenderableType]:
    if not messages:
        return [Text("Slack: nothing to report.", style="dim")]
    return [_message(each) for each in messages]


def _message(each: Sent) -> RenderableType:
    said, colour = STATUS.get(each.status, (each.status, ""))
    when = f" on {each.day}" if each.day and each.status == "sent" else ""
    head = Text.assemble(("Slack ", "bold"), f"{each.channel}: ", (said + when, colour))
    # Slack's escapes stand for themselves here.
    return Group(head, Padding(Text(html.unescape(each.text).replace("*", "")), (0, 0, 1, 2)))


def _rates(each: Figures) -> tuple[str, ...]:
    ratio = "–" if each.quick_ratio is None else f"{each.quick_ratio:.1f}"
    band = (each.band or "").replace("_", " ")
    return _percent(each.expansion_rate, 2), _percent(each.nrr), _percent(each.grr), ratio, band


def _month(each: Figures) -> str:
    mark = "*" if each.provisional else "†" if each.version > 1 else ""
    return f"{each.month:%Y-%m}{mark}"


def _marks(found: Summary) -> str | None:
    marks = []
    if any(each.provisional for each in found.months):
        marks.append("* provisional: not closed yet")
    if any(each.version > 1 for each in found.months):
        marks.append("† restated after it was closed")
    return "   ".join(marks) or None


def _percent(share: float | None, decimals: int = 1) -> str:
    return "–" if share is None else f"{share:.{decimals}%}"


def _whole(amount: float) -> str:
    return f"{amount:,.0f}"


def _signed(amount: float) -> str:
    return "–" if round(amount) == 0 else f"{amount:+,.0f}"
