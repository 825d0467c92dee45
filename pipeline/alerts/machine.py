"""The state of one rule on one member, and how a closed month moves it.

Belongs here: the state machine, pure. ok -> pending (breach, fewer months than `for`) -> firing (as many) ->
recovering (no breach, not good enough either) -> ok. Only a closed month moves it; the same month again does nothing.
`insufficient` and `no_data` stand beside and end an episode; `suppressed` keeps one that people know of.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from pipeline.alerts.observations import Guard, Observation
from pipeline.alerts.rules import fingerprint, rule_hash
from pipeline.config import AlertRule
from pipeline.months import add_months

OK, PENDING, FIRING, RECOVERING = "ok", "pending", "firing", "recovering"
SUPPRESSED = "suppressed"
BESIDE = {"insufficient_data": "insufficient", "no_data": "no_data", "suppressed": SUPPRESSED}
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
    def open(self) -> bool:
        """Whether there is an episode that people know of, or would but for a silence."""
        held = self.state == SUPPRESSED and self.episode_id is not None
        return held or self.state in {FIRING, RECOVERING}

    @property
    def untold(self) -> bool:
        """Whether nobody knows of its episode, which began under a silence."""
        return self.state == SUPPRESSED and self.slack_channel is None

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
    """A closed month as the machine sees it.

    Attributes:
        month: which.
        seen: its observation.
        guard: why nothing is concluded from it.
        in_a_row: how many months up to this one breach, as they stand now: one may have been corrected.
    """

    month: date
    seen: Observation | None
    guard: Guard | None
    in_a_row: int = 1


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
    seen = step.seen
    if step.guard is not None:
        kept = step.guard == "suppressed" and state.open
        told = seen.said if seen and step.guard == "insufficient_data" else ""
        after = _to(known, BESIDE[step.guard], step.month, kept=kept)
        return after, told or GUARDED[step.guard]
    if seen is None or not seen.breach:
        if state.open and seen is not None and not seen.clear:
            return _to(
                known, RECOVERING, step.month, kept=True
            ), f"Not good enough yet. {seen.said}"
        return _to(known, OK, step.month), seen.said if seen else ""
    return _breached(state, known, rule, step)


def _breached(state: State, known: State, rule: AlertRule, step: Step) -> tuple[State, str]:
    first = state.first_breach if state.open or state.state == PENDING else None
    first = first or step.month
    if not state.open:
        first = max(first, add_months(step.month, 1 - step.in_a_row))
        episode = f"{state.fingerprint}|{first.isoformat()}"
        if episode != state.episode_id:
            known = replace(known, episode_id=episode, slack_channel=None, slack_ts=None)
    months = (step.month.year - first.year) * 12 + step.month.month - first.month + 1
    if state.open or months >= rule.periods:
        reason = f"The rule's condition holds, {_months(months)} since it began."
        return _to(known, FIRING, step.month, kept=True), reason
    reason = f"The rule's condition holds for {_months(months)} of {rule.periods}."
    return _to(known, PENDING, step.month, kept=True), reason


GUARDED = {
    "insufficient_data": "There are too few accounts to judge.",
    "no_data": "The figure is undefined or the member is gone.",
    "suppressed": "A silence is in force, or the total fires.",
}


def _to(state: State, name: str, month: date, *, kept: bool = False) -> State:
    ended: dict[str, Any] = {} if kept else {"episode_id": None}
    if state.state == name:
        return replace(state, **ended)
    return replace(state, state=name, since_month=month, **ended)


def _months(count: int) -> str:
    return "1 month" if count == 1 else f"{count} months"
