"""An explanation as a person reads it in a terminal of 100 columns.

Belongs here: layout and formats. Every amount has as many decimals as the finest of them needs, so that the sum can be
checked by eye.
"""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.explain import words
from pipeline.explain.explanation import Component, End, Explanation, Proof, Within
from pipeline.money import MICRO, RATE_SCALE, decimals

KINDS = {
    "event": "event",
    "listing": "listing by",
    "invoice_line": "invoice line",
    "invoice_item": "invoice item",
    "invoice": "invoice",
    "discount": "discount",
    "unknown": "not in the raw store:",
}
ASPECTS = {
    "counting": "",
    "quantity": "quantity ",
    "price": "price ",
    "discount": "discount ",
    "usage": "",
}
COLOURS = {"exact": "green", "invoiced": "green", "bounded": "yellow", "inferred": "yellow"}


def render(found: Explanation, timezone: str = "UTC") -> RenderableType:
    """What to print: figures, each component with its sum and its proofs, the check, the evidence."""
    layout = _Layout(found, ZoneInfo(timezone))
    parts: list[RenderableType] = [
        layout.head(),
        layout.line("Opening", found.opening_mrr, layout.opening()),
    ]
    if found.fx_mrr or found.rates:
        parts.append(layout.line("Exchange rates", found.fx_mrr, layout.rates(), signed=True))
    shown: set[str] = set()
    for each in found.components:
        parts += layout.component(each, again=each.subscription_item_id in shown)
        shown.add(each.subscription_item_id)
    if found.unchanged_items:
        parts.append(Text(f"  {_items(found.unchanged_items)} without a change", style="dim"))
    elif not found.components:
        parts.append(Text("  Nothing counts at either end.", style="dim"))
    parts += [
        layout.line("Closing", found.closing_mrr, layout.closing()),
        layout.check(),
        layout.evidence(timezone),
    ]
    return Group(*parts)


class _Layout:
    """How one explanation's amounts and instants are written."""

    def __init__(self, found: Explanation, zone: ZoneInfo) -> None:
        self.found = found
        self.zone = zone
        amounts = [found.opening_mrr, found.fx_mrr, found.closing_mrr]
        for each in found.components:
            amounts += [each.amount, each.from_value, each.to_value]
        self.places = max([decimals(found.currency), *(_places(amount) for amount in amounts)])

    def amount(self, amount: int, *, signed: bool = False) -> str:
        shown = words.micro(amount)
        return f"{shown:+,.{self.places}f}" if signed and amount else f"{shown:,.{self.places}f}"

    def at(self, at: datetime | None) -> str:
        return "–" if at is None else f"{at.astimezone(self.zone):%Y-%m-%d %H:%M:%S}"

    def head(self) -> RenderableType:
        found = self.found
        name = found.name if found.name and found.name != found.account_id else None
        who = f"{name} ({found.account_id})" if name else found.account_id
        kind = f" ({found.churn_kind})" if found.churn_kind else ""
        moved = "no movement" if found.movement == "none" else f"{found.movement}{kind}"
        window = "" if found.window_months == 1 else f", {found.window_months} months"
        open_ = ", provisional" if found.provisional else ""
        amount = (
            f" of {words.native(abs(found.delta_mrr), found.currency)}" if found.delta_mrr else ""
        )
        title = Text.assemble(
            (who, "bold"),
            f" · {words.month(found.month)}{window}{open_} · ",
            (f"{moved}{amount}", "bold"),
        )
        return Padding(title, (0, 0, 1, 0))

    def opening(self) -> str:
        return f"end of {words.month(self.found.opening_month)}, as it stood"

    def closing(self) -> str:
        now = ", as of now" if self.found.provisional and not self.ended() else ""
        return f"end of {words.month(self.found.month)}{now}"

    def ended(self) -> bool:
        local = self.found.closing_at.astimezone(self.zone)
        return (local.year, local.month) != (self.found.month.year, self.found.month.month)

    def rates(self) -> str:
        return ", ".join(
            f"1 {each.currency.upper()} {_rate(each.opening)} → {_rate(each.closing)} ({each.source})"
            for each in self.found.rates
        )

    def line(self, label: str, amount: int, said: str, *, signed: bool = False) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        table.add_column(width=24, style="bold", no_wrap=True)
        table.add_column(width=18, justify="right", no_wrap=True, style="bold")
        table.add_column(style="dim")
        table.add_row(label, self.amount(amount, signed=signed), said)
        return table

    def component(self, each: Component, *, again: bool) -> Iterable[RenderableType]:
        table = Table.grid(padding=(0, 2))
        table.add_column(width=24, no_wrap=True)
        table.add_column(width=18, justify="right", no_wrap=True)
        table.add_column()
        colour = "green" if each.amount > 0 else "red"
        path = f"{self.amount(each.from_value)} → {self.amount(each.to_value)}"
        label = f"  {each.type.replace('_', '-')}"
        table.add_row(label, Text(self.amount(each.amount, signed=True), style=colour), path)
        item = each.subscription_item_id
        if each.paired_item_id:
            item = f"{each.paired_item_id} → {item}"
        # The quantity step is at the opening price, so under the opening plan.
        plan = each.opening.plan if each.type == "seat" and each.opening else each.plan
        prefix = "" if plan is None or plan in each.said else f"{plan}: "
        told: list[RenderableType] = [Text(f"{prefix}{each.said}")]
        if not again:
            told += [Text(text, style="dim") for text in self.sums(each)]
        told.append(Text(f"item {item}", style="dim"))
        told.append(self.proofs(each.proofs))
        yield table
        yield Padding(Group(*told), (0, 0, 0, 4))

    def sums(self, each: Component) -> Iterable[str]:
        """How the value at either end comes about, in the item's own currency."""
        for label, end in (("opening", each.opening), ("closing", each.closing)):
            if end is not None:
                yield f"{label}: {self.sum(end)}"

    def sum(self, end: End) -> str:
        native = end.currency.upper()
        least = decimals(end.currency)

        def money(amount: int) -> str:
            return words.plain(words.micro(amount), least)

        parts = f"list {money(end.list_native)}"
        if end.net_of_tax:
            parts += f" ({end.net_of_tax} of the price, the rest is tax)"
        if end.discount_native:
            parts += f" − {words.off(end.discounts)} {money(end.discount_native)} = {money(end.mrr_native)}"
        parts += f" {native} a month"
        if end.currency != self.found.currency:
            parts += f" × {_rate(end.rate)} = {self.amount(end.value)}"
        return parts

    def proofs(self, proofs: Iterable[Proof]) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        table.add_column(width=19, no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(width=40)
        for each in proofs:
            table.add_row(self.at(each.at), self.changed(each), self.record(each))
        return table

    def changed(self, each: Proof) -> Text:
        if each.aspect == "usage" or each.kind == "discount":
            end, value = ("before", each.before) if each.after is None else ("after", each.after)
            when = "" if each.aspect == "usage" else "ends " if end == "before" else "starts "
            where = (
                {"before": "opening: ", "after": "closing: "}[end] if each.aspect == "usage" else ""
            )
            said = f"{where}{when}{value}"
        else:
            said = f"{ASPECTS[each.aspect]}{each.before or 'none'} → {each.after or 'none'}"
        text = Text(said)
        if each.since is not None:
            text.append(f"\nsome time after {self.at(each.since)}", style="yellow")
        if each.evidence == "inferred":
            text.append("\ninferred", style="yellow")
        return text

    def record(self, each: Proof) -> Text:
        text = Text(f"{KINDS[each.kind]} {each.id or '–'}")
        if each.within:
            text.append(f"\n{'of' if each.kind == 'listing' else 'in'} {each.within}", style="dim")
        if each.kind == "listing":
            text.append(f"\nseen {self.at(each.recorded_at)}", style="dim")
        if each.what:
            text.append(f"\n{each.what}", style="dim")
        return text

    def check(self) -> RenderableType:
        found = self.found
        terms = [self.amount(found.opening_mrr)]
        terms += [
            f"{'+' if amount > 0 else '−'} {self.amount(abs(amount))}"
            for amount in (found.fx_mrr, *(each.amount for each in found.components))
            if amount
        ]
        mark, colour = ("✓", "green") if found.holds else ("✗ does not add up:", "red")
        text = f"{mark} {' '.join(terms)} = {self.amount(found.closing_mrr)}"
        return Padding(Text(text, style=colour), (1, 0))

    def evidence(self, timezone: str) -> RenderableType:
        found = self.found
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        table.add_row("Evidence", Text(found.evidence, style=COLOURS[found.evidence]))
        for said in found.why:
            table.add_row("", said)
        if found.within is not None:
            table.add_row("Within it", self.within(found.within))
        table.add_row("Policy", f"{found.policy} · times in {timezone}")
        return table

    def within(self, each: Within) -> str:
        """What the two ends do not show."""
        told = []
        if each.up_mrr and each.down_mrr:
            up, down = self.amount(each.up_mrr), self.amount(each.down_mrr)
            told.append(f"up by {up} and down by {down}, which the two ends net")
        if each.passing_items:
            told.append(f"{_items(each.passing_items)} came and left between the two ends")
        return "; ".join(told)


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _places(amount: int) -> int:
    fraction = f"{abs(amount) % MICRO:06}".rstrip("0")
    return len(fraction)


def _rate(rate: int | None) -> str:
    return "–" if rate is None else words.plain(words.micro(rate) / (RATE_SCALE // MICRO), 4)
