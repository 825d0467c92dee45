"""One alert, from the first message to the last answer in its thread.

Belongs here: fired, and what goes into the thread: reminder, escalated, resolved, restated.
"""

from collections.abc import Callable, Mapping, Sequence

from pipeline.alerts import words
from pipeline.alerts.escaping import FIELD, name
from pipeline.alerts.intents import Finding, Intent
from pipeline.alerts.messages import phrases
from pipeline.alerts.messages.form import (
    Block,
    Content,
    Letterhead,
    Message,
    context,
    fields,
    fitted,
    header,
    link,
    plain,
    section,
    silencing,
)
from pipeline.alerts.picture import Picture, series
from pipeline.alerts.rules import metric_of, threshold_of
from pipeline.alerts.story import Story
from pipeline.schemas import EXPANSION_METRICS

ICONS = {"info": "🔔", "warning": "⚠️", "critical": "🚨"}
ADDRESS = ("https://", "http://")
DONE, WORSE, AGAIN = "✅", "🔺", "🔁"


def alert(intent: Intent, told: Story, head: Letterhead) -> Message:
    """The message that opens an episode."""
    finding = intent.findings[0]
    more = [section(_already(finding))] if intent.baseline else []
    opened = _opened(finding, told, head, more)
    return Message(opened.text, opened.blocks, picture=picture(finding, head))


def answer(intent: Intent, told: Story, head: Letterhead) -> Message:
    """A message in the thread of an episode, and what the message that opened it says from then on."""
    finding = intent.findings[0]
    said = ANSWERS[intent.kind](finding, head)
    blocks = [section(said)]
    parent = None
    if intent.kind in {"reminder", "escalated"}:
        blocks += [*_trend(finding, head), *moved(told, head)]
        parent = _opened(
            finding, told, head, [section(f"{_lasting(finding)}; the thread tells it.")]
        )
    if intent.kind == "resolved":
        parent = _closed(finding, head)
    return Message(
        plain(said),
        fitted([*blocks, small(finding, head)]),
        parent=parent,
        broadcast=intent.kind == "escalated" and not intent.quiet,
    )


def _opened(finding: Finding, told: Story, head: Letterhead, more: Sequence[Block]) -> Content:
    """An alert as it stands in the channel while it fires."""
    said = phrases.sentence(finding, head)
    title = f"{ICONS[finding.rule.severity]} {phrases.title(finding)}"
    blocks = [header(f"{title}, {words.month(finding.month)}"), section(said), *more]
    blocks += [fields(_figures(finding, head)), *_trend(finding, head), *moved(told, head)]
    blocks += [*_todo(finding), small(finding, head), _silence(finding, head)]
    return Content(plain(f"{title}: {said}"), fitted(blocks))


def _closed(finding: Finding, head: Letterhead) -> Content:
    """What the message that opened the episode says once it is over."""
    title = f"{_end(finding)}: {phrases.subject(finding)}, {words.month(finding.month)}"
    said = phrases.back(finding, head)
    first = words.month(finding.state.first_breach or finding.month)
    blocks = [header(title), section(f"{said} It began in {first}; the thread tells the rest.")]
    blocks += [*_trend(finding, head), small(finding, head)]
    return Content(plain(f"{title}. {said}"), fitted(blocks))


def _end(finding: Finding) -> str:
    return f"{DONE} {'Resolved' if phrases.over(finding) else 'Ended'}"


def _already(finding: Finding) -> str:
    since = finding.state.first_breach or finding.month
    if since == finding.month:
        return "First evaluation of this rule."
    return f"First evaluation of this rule: it would have been firing since {words.month(since)}."


def _figures(finding: Finding, head: Letterhead) -> dict[str, str]:
    rule, seen = finding.rule, finding.seen
    if seen is None:
        return {"Figure": "none"}
    currency = head.currency
    judged = rule.kind in phrases.PLAIN
    shown = {"Figure": words.figure(rule, seen.observed, currency)}
    if judged:
        shown["Threshold"] = words.threshold(rule, threshold_of(rule), currency)
    elif seen.expected is not None and rule.kind != "mix_shift":
        shown["Expected"] = words.figure(rule, seen.expected, currency)
    shown["Money short"] = "–" if seen.missing is None else words.money(seen.missing, currency)
    shown["MRR at the opening"] = words.money(seen.base, currency)
    shown["Accounts"] = phrases.sample(finding)
    if seen.p is not None:
        shown["Chance alone"] = words.chance(seen.p)
    if rule.owner:
        shown["Owner"] = name(rule.owner)
    return shown


def _trend(finding: Finding, head: Letterhead) -> list[Block]:
    """The last twelve months as a row of bars, with its ends in words."""
    values = [value for _, value in finding.trend]
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004
        return []
    low, high = (
        words.figure(finding.rule, each, head.currency) for each in (min(known), max(known))
    )
    first, last = finding.trend[0][0], finding.trend[-1][0]
    span = f"{first:%b %Y} to {last:%b %Y}, between {low} and {high}"
    return [section(f"{words.sparkline(values)}  {span}")]


def moved(told: Story, head: Letterhead) -> list[Block]:
    """What moved against the months before, of what the expansion consists, and which accounts to look at."""
    blocks = []
    if told.changes:
        whole = words.change(told.changes[0].total, head.currency)
        what = "" if told.changes[0].by == "movement" else " in expansion"
        lines = [f"*What moved*{what} {told.against}: {whole}"]
        lines += [f"• {phrases.changed(split, head.currency)}" for split in told.changes]
        blocks.append(section("\n".join(lines)))
    elif told.types:
        parts = (
            f"{words.TYPES.get(kind, name(kind))} {words.money(amount, head.currency)}"
            for kind, amount in told.types
        )
        blocks.append(section(f"*Expansion by type:* {' · '.join(parts)}"))
    if told.movers:
        lines = [f"• {phrases.mover(each, head)}" for each in told.movers]
        lines = ["*Accounts that lost and gained most*", *lines]
        blocks.append(section("\n".join(lines)))
    return blocks


def _todo(finding: Finding) -> list[Block]:
    """The runbook, as a link where it is an address."""
    runbook = finding.rule.runbook
    if not runbook:
        return []
    shown = link(runbook, "runbook") if runbook.startswith(ADDRESS) else name(runbook, FIELD)
    return [section(f"*What to do:* {shown}")]


def small(finding: Finding, head: Letterhead) -> Block:
    """The rule, the month as it was read, and the run."""
    version = f", version {finding.seen.version}" if finding.seen else ""
    return context(
        f"rule {name(finding.rule.id)} · {finding.month:%Y-%m}{version} · {head.run} · "
        f"as of {head.at:%Y-%m-%d}"
    )


def _silence(finding: Finding, head: Letterhead) -> Block:
    member = None if finding.state.dimension == "total" else finding.state.member
    return context(silencing(finding.rule.id, member, head.until))


def picture(finding: Finding, head: Letterhead) -> Picture | None:
    """The figure over a year, and the line that it is held against."""
    rule, seen = finding.rule, finding.seen
    share = rule.kind in words.JUDGED or EXPANSION_METRICS.column(metric_of(rule)).kind == "ratio"
    line = None
    if rule.kind in phrases.PLAIN:
        limit = words.threshold(rule, threshold_of(rule), head.currency)
        line = (f"threshold {limit}", threshold_of(rule))
    elif seen is not None and seen.expected is not None and rule.kind != "mix_shift":
        usual = words.figure(rule, seen.expected, head.currency)
        line = (f"expected {usual}", seen.expected)
    where = "" if finding.state.dimension == "total" else f" of {finding.state.member[:40]}"
    title = f"{words.metric(rule)}{where}"
    known = [
        f"{month:%b %Y} {words.figure(rule, value, head.currency)}"
        for month, value in finding.trend
        if value is not None
    ]
    alt = f"{title} by month: {', '.join(known)}" + (f"; {line[0]}." if line else ".")
    return series(title, alt, finding.trend, line, share=share)


def _lasting(finding: Finding) -> str:
    """For how long it has been firing."""
    first, last = finding.state.first_breach or finding.month, finding.month
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    return f"Still firing, for {months} months now" if months > 1 else "Still firing"


def _reminder(finding: Finding, head: Letterhead) -> str:
    still = _lasting(finding)
    if finding.seen is not None and not finding.seen.breach:
        still = "Better, but not good enough yet to end it"
    return f"{AGAIN} {still}. {phrases.sentence(finding, head)}"


ANSWERS: Mapping[str, Callable[[Finding, Letterhead], str]] = {
    "reminder": _reminder,
    "escalated": lambda finding, head: (
        f"{WORSE} Worse than before. {phrases.sentence(finding, head)}"
    ),
    "resolved": lambda finding, head: f"{_end(finding)}. {phrases.back(finding, head)}",
    "restated": phrases.restated,
}
