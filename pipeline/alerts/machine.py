"""The state of one rule on one member, and how a closed month moves it.

Belongs here: the state machine, pure. ok -> pending (breach, fewer months than `for`) -> firing (as many) -> ok.
Only a closed month moves it; the same month again does nothing. `no_data` and `suppressed` stand beside: what comes
after them begins anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from pipeline.alerts.observations import Guard, Observation
from pipeline.alerts.rules import fingerprint, rule_hash
from pipeline.config import AlertRule

OK, PENDING, FIRING = "ok", "pending", "firing"
BESIDE = {"insufficient_data": "insufficient", "no_data": "no_data", "suppressed": "suppressed"}
"""The state that a guard leads to."""


@dataclass(frozen=True, slots=True)
class State:
    """One row of ALERT_STATE."""

    fingerprint: str
    rule_id: str
    dimension: str
    member: str
    state: str
    since_month: date | None
    episode_id: str | None
    last_month: date | None
    severity: str
    slack_channel: str | None
    slack_ts: str | None
    rule_hash: str
    updated_at: datetime

    @classmethod
    def fresh(cls, rule: AlertRule, member: str, now: datetime) -> "State":
        """Nothing is known yet."""
        return cls(
            fingerprint=fingerprint(rule, member),
            rule_id=rule.id,
            dimension=rule.dimension,
            member=member,
            state=OK,
            since_month=None,
            episode_id=None,
            last_month=None,
            severity=rule.severity,
            slack_channel=None,
            slack_ts=None,
            rule_hash=rule_hash(rule),
            updated_at=now,
        )

    @property
    def firing(self) -> bool:
        """Whether people have to know."""
        return self.state == FIRING

    @property
    def first_breach(self) -> date | None:
        """The first month of the episode."""
        return date.fromisoformat(self.episode_id.rsplit("|", 1)[1]) if self.episode_id else None


@dataclass(frozen=True, slots=True)
class Transition:
    """A state that a month brought."""

    before: State
    after: State
    month: date
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """A closed month as the machine sees it; `guard` says why nothing is concluded from it."""

    month: date
    seen: Observation | None
    guard: Guard | None


def advance(state: State, rule: AlertRule, steps: Sequence[Step]) -> tuple[State, list[Transition]]:
    """The state after `steps`, oldest first, and the transitions on the way; months up to `last_month` do nothing."""
    transitions = []
    for step in steps:
        if state.last_month is not None and step.month <= state.last_month:
            continue
        after, reason = _next(state, rule, step)
        if after.state != state.state:
            transitions.append(Transition(state, after, step.month, reason))
        state = after
    return state, transitions


def _next(state: State, rule: AlertRule, step: Step) -> tuple[State, str]:
    known = replace(state, last_month=step.month, severity=rule.severity)
    if step.guard is not None:
        return _to(known, BESIDE[step.guard], step.month), GUARDED[step.guard]
    if step.seen is None or not step.seen.breach:
        return _to(known, OK, step.month), "The figure is at or over the threshold."
    begun = state.state in {PENDING, FIRING} and state.episode_id is not None
    episode = state.episode_id if begun else f"{state.fingerprint}|{step.month.isoformat()}"
    first = date.fromisoformat(str(episode).rsplit("|", 1)[1])
    months = (step.month.year - first.year) * 12 + step.month.month - first.month + 1
    if begun:
        known = replace(known, episode_id=episode)
    else:
        known = replace(known, episode_id=episode, slack_channel=None, slack_ts=None)
    if state.firing or months >= rule.periods:
        return _to(known, FIRING, step.month), f"Under the threshold for {_months(months)}."
    return _to(
        known, PENDING, step.month
    ), f"Under the threshold for {_months(months)} of {rule.periods}."


GUARDED = {
    "insufficient_data": "There are too few accounts to judge.",
    "no_data": "The figure is undefined or the member is gone.",
    "suppressed": "A silence is in force.",
}


def _to(state: State, name: str, month: date) -> State:
    ended: dict[str, Any] = {} if name in {PENDING, FIRING} else {"episode_id": None}
    if state.state == name:
        return replace(state, **ended)
    return replace(state, state=name, since_month=month, **ended)


def _months(count: int) -> str:
    return "1 month" if count == 1 else f"{count} months"
