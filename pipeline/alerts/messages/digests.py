"""Several findings in one message.

Belongs here: a storm, and what is firing already when rules are evaluated for the first time.
"""

from collections.abc import Callable

from pipeline.alerts.escaping import BLOCKS, SECTION, TOTAL, name
from pipeline.alerts.intents import Finding, Intent
from pipeline.alerts.messages import phrases
from pipeline.alerts.messages.alert import ICONS, moved
from pipeline.alerts.messages.form import (
    Block,
    Letterhead,
    Message,
    context,
    fitted,
    header,
    plain,
    section,
    size,
)
from pipeline.alerts.story import Story

Tell = Callable[[Finding], Story]
FULL, LISTED = 3, 15
"""Members whose findings are told with what moved, once each, and findings that are told at all."""
SEVERITIES = ("critical", "warning", "info")


def digest(intent: Intent, tell: Tell, head: Letterhead) -> Message:
    """The message for several findings, the most severe and most costly first; the others are counted."""
    findings = sorted(intent.findings, key=_weight)
    count = len(findings)
    what = "alerts are firing already" if intent.baseline else "alerts fired at once"
    title = f"{ICONS['warning']} {count} {what}"
    blocks: list[Block] = [header(title), section(_why(intent))]
    room = TOTAL - SECTION
    listed = 0
    told: set[tuple[str, str]] = set()
    for finding in findings[:LISTED]:
        whose = (finding.state.dimension, finding.state.member)
        more = [section(f"{phrases.sentence(finding, head)} Rule: {name(finding.rule.id)}.")]
        more += moved(tell(finding), head) if whose not in told and len(told) < FULL else []
        if len(blocks) + len(more) > BLOCKS - 2 or size(blocks) + size(more) > room:
            break
        blocks += more
        told.add(whose)
        listed += 1
    if listed < count:
        left = count - listed
        blocks.append(section(f"… and {left} more: `expansion alerts status` lists them."))
    months = max(each.month for each in findings)
    blocks.append(
        context(f"{count} alerts · {months:%Y-%m} · {head.run} · as of {head.at:%Y-%m-%d}")
    )
    first = phrases.sentence(findings[0], head)
    return Message(plain(f"{title}: {first}"), fitted(blocks))


def _why(intent: Intent) -> str:
    if intent.baseline:
        return "These rules were evaluated for the first time. What follows goes into this thread."
    return "So many at once often have one cause: look at what they share, and at the data, first."


def _weight(finding: Finding) -> tuple[int, float, str]:
    seen = finding.seen
    short = seen.missing if seen and seen.missing is not None else 0.0
    return SEVERITIES.index(finding.rule.severity), -short, finding.state.fingerprint
