"""What people read in Slack.

Belongs here: an intent put into words and blocks. Every message has a plain `text`; a sentence says the figure, the
threshold, the number of accounts and the money that is missing. Slack's limits are kept, names are escaped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.alerts import words
from pipeline.alerts.escaping import BLOCKS, FIELD, HEADER, SECTION, TOTAL, clip, escape, name
from pipeline.alerts.intents import Finding, Intent
from pipeline.alerts.observations import Observation, shortfall
from pipeline.alerts.rules import threshold_of
from pipeline.alerts.story import Story

Block = dict[str, Any]
Tell = Callable[[Finding], Story]
ICONS = {"info": "🔔", "warning": "⚠️", "critical": "🚨"}
FULL = 3
"""Findings of a digest that are told with what moved; the others have one line."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message for chat.postMessage.

    Attributes:
        text: what it says in plain text: notifications, screen readers, webhooks.
        blocks: Slack blocks.
    """

    text: str
    blocks: tuple[Block, ...]


def compose(intent: Intent, tell: Tell, currency: str) -> Message:
    """The message of an intent.

    Args:
        intent: what is to be said.
        tell: what moved, for a finding.
        currency: three-letter reporting currency.
    """
    if intent.kind == "digest" and len(intent.findings) > 1:
        return _digest(intent, tell, currency)
    if intent.kind == "operations":
        return _operations(intent)
    finding = intent.findings[0]
    if intent.kind in {"fired", "digest"}:
        return _alert(intent, finding, tell(finding), currency)
    sentence = THREAD[intent.kind](finding, currency)
    details = _moved(tell(finding), currency) if intent.kind == "reminder" else []
    return Message(_plain(sentence), (_section(sentence), *details, _context(finding)))


def _alert(intent: Intent, finding: Finding, told: Story, currency: str) -> Message:
    title = f"{ICONS[finding.rule.severity]} {_title(finding)}"
    sentence = _sentence(finding, currency)
    blocks = [_header(title), _section(sentence), *_fields(finding, currency)]
    blocks += _moved(told, currency)
    if intent.baseline:
        blocks.append(_section(_already(finding)))
    blocks += [*_runbook(finding), _context(finding)]
    return Message(_plain(f"{title}: {sentence}"), tuple(blocks))


def _operations(intent: Intent) -> Message:
    title = f"{ICONS['critical']} No alert was judged: the figures are not to be trusted"
    reasons = "\n".join(f"• {escape(reason)}" for reason in intent.reasons)
    return Message(
        _plain(f"{title}: {' '.join(intent.reasons)}"), (_header(title), _section(reasons))
    )


def _digest(intent: Intent, tell: Tell, currency: str) -> Message:
    count = len(intent.findings)
    what = "alerts are firing already" if intent.baseline else "alerts fired at once"
    title = f"{ICONS['warning']} {count} {what}"
    blocks: list[Block] = [_header(title)]
    if intent.baseline:
        blocks.append(
            _section(
                "These rules were evaluated for the first time and are under their thresholds."
            )
        )
    size = 0
    listed = 0
    for place, finding in enumerate(intent.findings):
        more = [_section(f"*{_title(finding)}*\n{_sentence(finding, currency)}")]
        more += _moved(tell(finding), currency) if place < FULL else []
        size += sum(len(str(block)) for block in more)
        if len(blocks) + len(more) > BLOCKS - 2 or size > TOTAL - SECTION:
            break
        blocks += more
        listed += 1
    if listed < count:
        blocks.append(
            _section(f"… and {count - listed} more: `expansion alerts status` lists them.")
        )
    blocks.append(_context(intent.findings[0], rules=count))
    first = _sentence(intent.findings[0], currency)
    return Message(_plain(f"{title}: {first}"), tuple(blocks))


def _title(finding: Finding) -> str:
    rule = finding.rule
    where = "" if finding.state.dimension == "total" else f" of {name(finding.state.member, 40)}"
    if rule.kind == "target":
        return f"{words.METRICS['expansion_rate']}{where} is under its target"
    return f"{words.metric(rule)}{where} is under its floor"


def _sentence(finding: Finding, currency: str) -> str:
    rule, seen = finding.rule, finding.seen
    if seen is None:
        return f"There is no figure for {words.month(finding.month)}."
    subject = words.metric(rule)
    limit = words.threshold(rule, threshold_of(rule), currency)
    said = (
        f"{subject} in {words.month(seen.month)} was *{words.figure(rule, seen.observed, currency)}*, "
        f"under the threshold of {limit}"
    )
    missing = shortfall(rule, seen)
    short = f", {words.money(missing, currency)} short" if missing is not None else ""
    return f"{said}{short} ({_sample(seen)})."


def _sample(seen: Observation) -> str:
    return f"{seen.k:,} of {words.accounts(seen.n)} expanded"


def _already(finding: Finding) -> str:
    since = finding.state.first_breach or finding.month
    if since == finding.month:
        return "First evaluation of this rule."
    return (
        "First evaluation of this rule: the figure has been under the threshold since "
        f"{words.month(since)}."
    )


def _fields(finding: Finding, currency: str) -> list[Block]:
    rule, seen = finding.rule, finding.seen
    if seen is None:
        return []
    missing = shortfall(rule, seen)
    shown = {
        "Figure": words.figure(rule, seen.observed, currency),
        "Threshold": words.threshold(rule, threshold_of(rule), currency),
        "MRR at the opening": words.money(seen.base, currency),
        "Money short": "–" if missing is None else words.money(missing, currency),
    }
    if len(finding.trend) > 1:
        shown["Months before"] = " → ".join(
            words.figure(rule, value, currency) for _, value in finding.trend
        )
    if rule.owner:
        shown["Owner"] = name(rule.owner)
    fields = [_mrkdwn(f"*{label}*\n{text}", FIELD) for label, text in shown.items()]
    return [{"type": "section", "fields": fields}]


def _moved(told: Story, currency: str) -> list[Block]:
    lines = []
    if told.types:
        parts = (
            f"{words.TYPES.get(kind, kind)} {words.money(amount, currency)}"
            for kind, amount in told.types
        )
        lines.append(f"*Expansion by type:* {' · '.join(parts)}")
    if told.grew:
        parts = (f"{name(who)} +{words.money(amount, currency)}" for who, amount in told.grew)
        lines.append(f"*Largest expansions:* {' · '.join(parts)}")
    if told.shrank:
        parts = (
            f"{name(who)} -{words.money(amount, currency)} ({movement})"
            for who, amount, movement in told.shrank
        )
        lines.append(f"*Largest losses:* {' · '.join(parts)}")
    return [_section("\n".join(lines))] if lines else []


def _runbook(finding: Finding) -> list[Block]:
    link = finding.rule.runbook
    return [_section(f"<{escape(link)}|What to do>")] if link else []


def _reminder(finding: Finding, currency: str) -> str:
    return f"Still firing. {_sentence(finding, currency)}"


def _escalated(finding: Finding, currency: str) -> str:
    return f"🚨 Worse than before. {_sentence(finding, currency)}"


def _resolved(finding: Finding, currency: str) -> str:
    rule, seen = finding.rule, finding.seen
    if seen is None or seen.observed is None:
        return f"✅ Ended in {words.month(finding.month)}: {escape(finding.reason)}"
    limit = words.threshold(rule, threshold_of(rule), currency)
    return (
        f"✅ Resolved: {words.metric(rule)} in {words.month(seen.month)} was "
        f"*{words.figure(rule, seen.observed, currency)}*, at or over the threshold of {limit} "
        f"({_sample(seen)})."
    )


def _restated(finding: Finding, currency: str) -> str:
    seen = finding.seen
    figure = "undefined" if seen is None else words.figure(finding.rule, seen.observed, currency)
    verdict = "under" if seen is not None and seen.breach else "not under"
    limit = words.threshold(finding.rule, threshold_of(finding.rule), currency)
    return (
        f"{words.month(finding.month)} was restated: {words.metric(finding.rule)} is now *{figure}*, "
        f"{verdict} the threshold of {limit}."
    )


THREAD: Mapping[str, Callable[[Finding, str], str]] = {
    "reminder": _reminder,
    "escalated": _escalated,
    "resolved": _resolved,
    "restated": _restated,
}


def _context(finding: Finding, rules: int = 1) -> Block:
    version = finding.seen.version if finding.seen else 1
    parts = [
        f"rule {name(finding.rule.id)}" if rules == 1 else f"{rules} rules",
        f"{finding.month:%Y-%m}",
        f"version {version}",
    ]
    return {"type": "context", "elements": [_mrkdwn(" · ".join(parts), FIELD)]}


def _header(text: str) -> Block:
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": clip(text, HEADER), "emoji": True},
    }


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text, SECTION)}


def _mrkdwn(text: str, limit: int) -> Block:
    return {"type": "mrkdwn", "text": clip(text, limit)}


def _plain(text: str) -> str:
    return clip(text.replace("*", ""), SECTION)
