"""What a change of state has to say.

Belongs here: which of the messages of a rule on a member are due: fired, reminder, escalated, resolved, restated, or a
place in the baseline digest. How they read is in `messages`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from pipeline.alerts.intents import CHANGED, Finding, single
from pipeline.alerts.kinds.counts import NOW
from pipeline.alerts.machine import FIRING, OK, RECOVERING, SUPPRESSED, State, Transition
from pipeline.alerts.members import Concluded, Member, Run
from pipeline.alerts.observations import Observation
from pipeline.months import add_months

TREND = 12
"""Months that a message shows."""
WORSE = 1.5
"""So many times the money that was missing before is worth a louder message."""
MATTERS = 0.0025
"""And at least this share of the opening MRR more than before."""
POOLED = ("significant_drop", "segment_deterioration")
"""Kinds that pool months: what is missing grows while the months before the drop leave the pool."""
SEVERITIES = ("info", "warning", "critical")


def seed(member: Member, after: State, month: date, into: Concluded, run: Run) -> State:
    """The first state of a rule.

    An episode that people know of already goes on, or ends in its thread if the changed rule does not fire; another one
    is named in the baseline digest.
    """
    before = member.before
    if before is not None:
        changed = Transition(before, after, month, CHANGED)
        into.events.append(event_row(changed, audit=True))
    if not after.open:
        if before is not None and before.open and not member.silenced:
            ended = finding_of(member, before, before.episode_id, month, CHANGED)
            said = single("resolved", ended, run.channel)
            into.others.append(replace(said, key=f"{said.key}|{after.rule_hash}"))
        return after
    if before is not None and before.open and not before.untold:
        return replace(
            after,
            episode_id=before.episode_id,
            since_month=before.since_month,
            slack_channel=before.slack_channel,
            slack_ts=before.slack_ts,
        )
    if after.state == SUPPRESSED:
        return after
    into.baseline.append(finding_of(member, after, after.episode_id, month))
    return replace(after, slack_channel=run.channel)


def speak(
    member: Member,
    start: State,
    after: State,
    transitions: Sequence[Transition],
    into: Concluded,
    run: Run,
) -> State:
    """What the new months, taken together, have to say; the state knows the channel once its episode is told."""
    if after.last_month is None or after.last_month == start.last_month:
        return after
    reason = transitions[-1].reason if transitions else ""
    ended = start.open and after.episode_id != start.episode_id
    if ended and not start.untold and not member.silenced:
        into.others.append(
            single("resolved", _ended(member, start, after, transitions), run.channel)
        )
    if after.state not in {FIRING, RECOVERING}:
        return after
    finding = finding_of(member, after, after.episode_id, after.last_month, reason)
    told = replace(after, slack_channel=after.slack_channel or member.rule.channel or run.channel)
    if start.untold or not start.open or after.episode_id != start.episode_id:
        into.fired.append(finding)
    elif _escalated(member, start, finding):
        into.others.append(single("escalated", finding, run.channel))
    elif after.episode_id not in member.acknowledged:
        into.others.append(single("reminder", finding, run.channel))
    return told


def _ended(
    member: Member, start: State, after: State, transitions: Sequence[Transition]
) -> Finding:
    """The end of an episode; where what is usual has become lower meanwhile, that is said."""
    ended = next((each for each in transitions if each.before.open and not each.after.open), None)
    month = ended.month if ended else after.last_month
    finding = finding_of(
        member,
        start,
        start.episode_id,
        month or after.updated_at.date(),
        ended.reason if ended else "",
    )
    first = member.seen.get(start.first_breach) if start.first_breach else None
    seen, clear = finding.seen, member.rule.clear
    if seen is None or first is None or clear is None or not first.expected:
        return finding
    back = (seen.observed or 0.0) / first.expected - 1
    if seen.guard or seen.expected == first.expected or back > -clear:
        return finding
    lower = f"What is usual has become lower: it is {-back:.0%} under what was usual before."
    return replace(finding, reason=f"{finding.reason} {lower}".strip())


def _escalated(member: Member, start: State, finding: Finding) -> bool:
    """The rule has become more severe, or the month is worse by half than the worst of its episode."""
    if SEVERITIES.index(member.rule.severity) > SEVERITIES.index(start.severity):
        return True
    first, last, now = start.first_breach, start.last_month, finding.seen
    if first is None or last is None or now is None or now.missing is None:
        return False
    if member.rule.kind in POOLED and finding.month < add_months(first, NOW):
        return False
    before = [each.missing or 0.0 for month, each in member.seen.items() if first <= month <= last]
    worst = max(before, default=0.0)
    return 0 < WORSE * worst <= now.missing and now.missing - worst >= MATTERS * now.base


def correct(
    member: Member,
    start: State,
    restated: Sequence[Observation],
    into: Concluded,
    run: Run,
) -> None:
    """A restated month whose verdict flips answers in the thread of its episode; it never opens a new one."""
    first = start.first_breach
    if not start.open or first is None or member.silenced:
        return
    for seen in restated:
        if seen.month >= first and seen.breach != member.judged[seen.month][1]:
            finding = finding_of(member, start, start.episode_id, seen.month)
            into.others.append(single("restated", finding, run.channel))


def finding_of(
    member: Member, state: State, episode: str | None, month: date, reason: str = ""
) -> Finding:
    """What is said of a month."""
    trend = [(each, seen.observed) for each, seen in sorted(member.seen.items()) if each <= month]
    return Finding(
        rule=member.rule,
        state=state,
        episode_id=str(episode),
        seen=member.seen.get(month),
        month=month,
        trend=tuple(trend[-TREND:]),
        reason=reason,
    )


def event_row(each: Transition, *, audit: bool = False) -> dict[str, object]:
    """A row of ALERT_EVENT, without `at`."""
    episode = each.after.episode_id or each.before.episode_id
    to_state = OK if audit else each.after.state
    said = f"{each.after.fingerprint}|{each.before.state}|{to_state}|{each.month}|{each.after.rule_hash}"
    return {
        "event_id": hashlib.sha256(said.encode()).hexdigest()[:32],
        "episode_id": each.before.episode_id if audit else episode,
        "fingerprint": each.after.fingerprint,
        "from_state": each.before.state,
        "to_state": to_state,
        "month": each.month,
        "reason": each.reason,
    }
