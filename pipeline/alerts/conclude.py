"""What the closed months conclude for one rule on one member.

Belongs here: seeding, what a change of state has to say, restated months. All members together are in `evaluate`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from pipeline.alerts.intents import Finding, Intent, single
from pipeline.alerts.machine import OK, State, Step, Transition, advance
from pipeline.alerts.observations import Guard, Observation
from pipeline.alerts.rules import fingerprint, rule_hash, threshold_of
from pipeline.config import AlertRule

TREND = 12
"""Months that a message shows."""
Versions = Mapping[date, tuple[int, bool]]
"""Month -> the latest version that was judged, and the verdict."""


@dataclass(frozen=True, slots=True)
class Run:
    """The run that evaluates.

    Attributes:
        run_id: its id.
        now: its instant.
        notify: it may alert. If not, evaluations are made and nothing else.
        channel: where rules without a channel of their own speak.
        storm: more fired rules than this at once become one digest.
    """

    run_id: str
    now: datetime
    notify: bool
    channel: str = "#revenue"
    storm: int = 5


@dataclass(frozen=True, slots=True)
class Member:
    """One rule on one member: what is known, what is seen, and what was judged before."""

    rule: AlertRule
    name: str
    before: State | None
    seen: Mapping[date, Observation]
    judged: Versions
    silenced: bool

    @property
    def fingerprint(self) -> str:
        """Names the rule on the member."""
        return fingerprint(self.rule, self.name)

    @property
    def seeding(self) -> bool:
        """It is evaluated for the first time, or its rule judges otherwise than before."""
        return self.before is None or self.before.rule_hash != rule_hash(self.rule)


@dataclass(slots=True)
class Concluded:
    """What has been concluded so far, over all members."""

    evaluations: list[dict[str, object]] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    events: list[dict[str, object]] = field(default_factory=list)
    baseline: list[Finding] = field(default_factory=list)
    fired: list[Finding] = field(default_factory=list)
    others: list[Intent] = field(default_factory=list)


def conclude(member: Member, months: Sequence[date], run: Run, into: Concluded) -> None:
    """Add to `into` what the closed `months` (at least one, ascending) conclude for `member`."""
    before = member.before
    fresh = State.fresh(member.rule, member.name, run.now)
    start = fresh if before is None or member.seeding else before
    steps = _steps(member, months, start.last_month)
    restated = [] if member.seeding else _restated(member)
    shown = steps or _steps(member, months[-1:], None)
    told = {step.month for step in shown}
    into.evaluations += [_evaluation(member, step) for step in shown]
    if not run.notify:
        return
    into.evaluations += [
        _evaluation(member, Step(seen.month, seen, None))
        for seen in restated
        if seen.month not in told
    ]
    after, transitions = advance(start, member.rule, steps)
    if member.seeding:
        after = _seeded(member, after, months[-1], into)
    else:
        into.events += [_event(each) for each in transitions]
        _speak(member, start, after, transitions, into, run)
        _correct(member, start, restated, into, run)
    if before is None or after != before:
        into.states.append(after)


def _seeded(member: Member, after: State, month: date, into: Concluded) -> State:
    """The first state of a rule.

    An episode that people know of already goes on; another one is named in the baseline digest.
    """
    before = member.before
    if before is not None:
        changed = Transition(before, after, month, "The rule was changed.")
        into.events.append(_event(changed, audit=True))
    if not after.firing:
        return after
    if before is not None and before.firing:
        return replace(
            after,
            episode_id=before.episode_id,
            since_month=before.since_month,
            slack_channel=before.slack_channel,
            slack_ts=before.slack_ts,
        )
    into.baseline.append(_finding(member, after, after.episode_id, month))
    return after


def _speak(
    member: Member,
    start: State,
    after: State,
    transitions: Sequence[Transition],
    into: Concluded,
    run: Run,
) -> None:
    """What the new months, taken together, have to say."""
    if after.last_month is None or after.last_month == start.last_month:
        return
    reason = transitions[-1].reason if transitions else ""
    if start.firing and after.episode_id != start.episode_id and not member.silenced:
        ended = next((each for each in transitions if each.before.firing), None)
        month = ended.month if ended else after.last_month
        told = _finding(member, start, start.episode_id, month, ended.reason if ended else reason)
        into.others.append(single("resolved", told, run.channel))
    if not after.firing:
        return
    finding = _finding(member, after, after.episode_id, after.last_month, reason)
    if start.firing and after.episode_id == start.episode_id:
        into.others.append(single("reminder", finding, run.channel))
    else:
        into.fired.append(finding)


def _correct(
    member: Member,
    start: State,
    restated: Sequence[Observation],
    into: Concluded,
    run: Run,
) -> None:
    """A restated month whose verdict flips answers in the thread of its episode; it never opens a new one."""
    first = start.first_breach
    if not start.firing or first is None or member.silenced:
        return
    for seen in restated:
        if seen.month >= first and seen.breach != member.judged[seen.month][1]:
            finding = _finding(member, start, start.episode_id, seen.month)
            into.others.append(single("restated", finding, run.channel))


def _steps(member: Member, months: Sequence[date], after: date | None) -> list[Step]:
    """The closed months that are new, beginning with the first in which the member has figures."""
    new = [month for month in months if after is None or month > after]
    if after is None and member.seen:
        new = [month for month in new if month >= min(member.seen)]
    steps = []
    for month in new:
        seen = member.seen.get(month)
        guard: Guard | None = None
        if member.silenced and month == months[-1]:
            guard = "suppressed"
        elif seen is None or seen.observed is None:
            guard = "no_data"
        else:
            guard = seen.guard
        steps.append(Step(month, seen, guard))
    return steps


def _restated(member: Member) -> list[Observation]:
    """Months that were judged at an earlier version."""
    versions = {month: version for month, (version, _) in member.judged.items()}
    return [
        seen
        for month, seen in sorted(member.seen.items())
        if month in versions and seen.version > versions[month]
    ]


def _finding(
    member: Member, state: State, episode: str | None, month: date, reason: str = ""
) -> Finding:
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


def _evaluation(member: Member, step: Step) -> dict[str, object]:
    seen = step.seen
    return {
        "fingerprint": member.fingerprint,
        "month": step.month,
        "observed": seen.observed if seen else None,
        "baseline": seen.expected if seen else None,
        "threshold": threshold_of(member.rule),
        "n": seen.n if seen else None,
        "k": seen.k if seen else None,
        "effect": seen.effect if seen else None,
        "p": seen.p if seen else None,
        "breach": seen.breach if seen and seen.observed is not None else None,
        "guard": step.guard,
        "rule_hash": rule_hash(member.rule),
        "data_version": seen.version if seen else None,
    }


def _event(each: Transition, *, audit: bool = False) -> dict[str, object]:
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
