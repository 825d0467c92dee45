"""Messages that no rule's state asks for: figures that are not to be trusted, closed months that moved, a sample.

Belongs here: their words. What is worth a note on a restatement is in `pipeline.alerts.corrections`.
"""

from pipeline.alerts import words
from pipeline.alerts.corrections import Correction
from pipeline.alerts.escaping import escape
from pipeline.alerts.intents import Intent
from pipeline.alerts.messages.alert import ICONS
from pipeline.alerts.messages.form import (
    Letterhead,
    Message,
    context,
    fitted,
    header,
    plain,
    section,
)
from pipeline.months import key_of

CAUSES = {
    "evidence": "late or better evidence",
    "link": "another link to the CRM",
    "code": "another version of the pipeline",
}
LISTED = 12
"""Months that are told one by one; the others are counted."""


def operations(intent: Intent, head: Letterhead) -> Message:
    """One message in place of every alert on figures that are not to be trusted."""
    title = f"{ICONS['critical']} No alert was judged: the figures are not to be trusted"
    reasons = "\n".join(f"• {escape(reason)}" for reason in intent.reasons)
    month = f" of {words.month(intent.month)}" if intent.month else ""
    asked = (
        f"Alerts on the figures{month} wait until this is put right; then the next night judges them. "
        "`expansion doctor` says what is wrong."
    )
    blocks = [header(title), section(reasons), section(asked), _small(head)]
    return Message(plain(f"{title}: {' '.join(map(escape, intent.reasons))}"), fitted(blocks))


def restatement(found: tuple[Correction, ...], head: Letterhead) -> Message:
    """One note for all closed months whose headlines moved, latest first."""
    months = sorted({each.month for each in found}, reverse=True)
    count = "A closed month was" if len(months) == 1 else f"{len(months)} closed months were"
    title = f"🔁 {count} restated"
    blocks = [header(title)]
    for month in months[:LISTED]:
        mine = [each for each in found if each.month == month]
        cause = " and ".join(dict.fromkeys(CAUSES.get(c, c) for each in mine for c in each.causes))
        lines = [f"*{words.month(month)}* (version {mine[0].version}, {escape(cause)})"]
        lines += [f"• {_moved(each, head.currency)}" for each in mine]
        blocks.append(section("\n".join(lines)))
    if len(months) > LISTED:
        blocks.append(section(f"… and {len(months) - LISTED} more."))
    command = f"expansion restatements --month {key_of(months[0])}"
    blocks.append(section(f"What changed, and why: `{command}`"))
    first = next(each for each in found if each.month == months[0])
    text = f"{title}: {words.month(months[0])}, {_moved(first, head.currency)}"
    return Message(plain(text), fitted([*blocks, _small(head)]))


def sample(channel: str, head: Letterhead) -> Message:
    """What `expansion alerts test` sends."""
    title = f"🔔 Test of {escape(head.company)}'s expansion alerts"
    said = (
        f"This is a sample. Alerts on the figures of {escape(head.company)} arrive in {escape(channel)} "
        "with the figure, what was expected, what moved and which accounts to look at."
    )
    line = (
        f"{words.sparkline([3, 4, 3, 5, 4, 6, 5, 6, 7, 6, 4, 3])}  this is how twelve months look"
    )
    blocks = [
        header(title),
        section(said),
        section(line),
        context(f"sent {head.at:%Y-%m-%d %H:%M} UTC"),
    ]
    return Message(plain(f"{title}. {said}"), fitted(blocks))


def _moved(each: Correction, currency: str) -> str:
    label = words.METRICS.get(each.metric, each.metric.replace("_", " ").capitalize())
    label = label.replace("mrr", "MRR")
    old, new = (words.amount(each.metric, value, currency) for value in (each.old, each.new))
    money = each.metric.endswith("_mrr")
    by = f" ({each.relative:+.1%})" if money and each.relative is not None else ""
    return f"{label}: {old} → {new}{by}"


def _small(head: Letterhead) -> dict[str, object]:
    return context(f"{head.run} · as of {head.at:%Y-%m-%d}")
