"""The monthly digest: a closed month in one message, also when all is well.

Belongs here: its words.
"""

from pipeline.alerts import words
from pipeline.alerts.escaping import name
from pipeline.alerts.messages.form import (
    Block,
    Letterhead,
    Message,
    context,
    fields,
    fitted,
    header,
    plain,
    section,
)
from pipeline.alerts.monthly import FIRST, LAST, LOSSES, NOT_QUIET, STEPS, UNJUDGED, MonthTold
from pipeline.alerts.picture import Picture, series

STEP = {
    "starting_mrr": "Opening MRR",
    "fx_mrr": "exchange rates",
    "new_mrr": "new",
    "reactivation_mrr": "came back",
    "expansion_mrr": "expansion",
    "contraction_mrr": "contraction",
    "churned_mrr": "churn",
    "ending_mrr": "closing MRR",
}
MEMBERS = 6
FIRING = 5
RATES = {"expansion_rate": "Expansion rate", "nrr": "NRR", "grr": "GRR"}


def monthly(found: MonthTold, head: Letterhead) -> Message:
    """The digest of a closed month."""
    title = f"📊 {name(head.company)}: expansion in {words.month(found.month)}"
    said = _headline(found, head.currency)
    blocks: list[Block] = [header(title), section(said), section(_way(found, head.currency))]
    blocks += [fields(_rates(found)), *_trend(found), *_parts(found, head.currency)]
    blocks.append(section(_rules(found)))
    if found.unmatched is not None:
        share = words.amount("expansion_rate", found.unmatched, head.currency)
        blocks.append(section(f"*Not linked to the CRM:* {share} of the closing MRR."))
    blocks.append(
        context(
            f"{found.month:%Y-%m}, version {found.version} · {head.run} · as of {head.at:%Y-%m-%d} · "
            "`expansion report --open` shows the page"
        )
    )
    return Message(plain(f"{title}. {said}"), fitted(blocks), picture=_picture(found, head))


def _headline(found: MonthTold, currency: str) -> str:
    total = found.total
    expansion = total.get("expansion_mrr") or 0.0
    accounts = words.accounts(int(total.get("expanding_accounts") or 0))
    said = f"{accounts} expanded by *{words.money(expansion, currency)}* MRR"
    rate = total.get("expansion_rate")
    if rate is not None:
        said += f", an expansion rate of *{words.amount('expansion_rate', rate, currency)}*"
    if found.before is not None:
        said += f"; {words.change(expansion - found.before, currency)} against the month before"
    return f"{said}."


def _way(found: MonthTold, currency: str) -> str:
    """From the opening to the closing MRR; steps of nothing are left out."""
    total = found.total
    parts = [f"*{STEP[FIRST]} {words.money(total.get(FIRST) or 0.0, currency)}*"]
    for step in STEPS:
        moved = (total.get(step) or 0.0) * (-1 if step in LOSSES else 1)
        if abs(moved) >= 1:
            parts.append(f"{STEP[step]} {words.change(moved, currency)}")
    parts.append(f"*{STEP[LAST]} {words.money(total.get(LAST) or 0.0, currency)}*")
    return " → ".join((parts[0], " · ".join(parts[1:-1]) or "nothing moved", parts[-1]))


def _rates(found: MonthTold) -> dict[str, str]:
    shown = {
        f"{label}, month": words.amount(column, found.total.get(column), "")
        for column, label in RATES.items()
    }
    if found.year:
        shown |= {
            f"{label}, 12 months": words.amount(column, found.year.get(column), "")
            for column, label in RATES.items()
        }
    return shown


def _trend(found: MonthTold) -> list[Block]:
    values = [value for _, value in found.trend]
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004
        return []
    low, high = (words.amount("expansion_rate", each, "") for each in (min(known), max(known)))
    first, last = found.trend[0][0], found.trend[-1][0]
    span = f"expansion rate, {first:%b %Y} to {last:%b %Y}, between {low} and {high}"
    return [section(f"{words.sparkline(values)}  {span}")]


def _parts(found: MonthTold, currency: str) -> list[Block]:
    blocks = []
    if found.types:
        parts = (
            f"{words.TYPES.get(kind, name(kind))} {words.money(amount, currency)}"
            for kind, amount in found.types
        )
        blocks.append(section(f"*Expansion by type:* {' · '.join(parts)}"))
    if found.members:
        lines = [f"*By {found.by}*"]
        for member, amount, rate, nrr in found.members[:MEMBERS]:
            shares = (
                f"{label} {words.amount(column, value, currency)}"
                for label, column, value in (("rate", "expansion_rate", rate), ("NRR", "nrr", nrr))
                if value is not None
            )
            told = [words.money(amount, currency), *shares]
            lines.append(f"• {name(member, 40)}: {' · '.join(told)}")
        if len(found.members) > MEMBERS:
            lines.append(f"• and {len(found.members) - MEMBERS} more")
        blocks.append(section("\n".join(lines)))
    return blocks


def _rules(found: MonthTold) -> str:
    """How many rules are watched, and how they stand."""
    watched = sum(found.rules.values())
    alarmed = sum(found.rules.get(state, 0) for state in NOT_QUIET)
    unjudged = sum(found.rules.get(state, 0) for state in UNJUDGED)
    said = f"*Alerts:* {watched} watched, {watched - alarmed - unjudged} quiet"
    said += f", {found.rules.get('firing', 0)} firing"
    pending = alarmed - found.rules.get("firing", 0)
    said += f", {pending} pending" if pending else ""
    said += f", {unjudged} without enough data to judge" if unjudged else ""
    names = [
        f"{name(rule)} of {name(member, 40)}" if member else name(rule)
        for rule, member in found.firing
    ]
    if names:
        more = f" and {len(names) - FIRING} more" if len(names) > FIRING else ""
        said += f". Firing: {', '.join(names[:FIRING])}{more}"
    return f"{said}."


def _picture(found: MonthTold, head: Letterhead) -> Picture | None:
    known = [
        f"{month:%b %Y} {words.amount('expansion_rate', value, head.currency)}"
        for month, value in found.trend
        if value is not None
    ]
    title = words.METRICS["expansion_rate"]
    target = found.total.get("target")
    line = None
    if target is not None:
        line = (f"target {words.amount('expansion_rate', target, head.currency)}", target)
    return series(title, f"{title} by month: {', '.join(known)}.", found.trend, line, share=True)
