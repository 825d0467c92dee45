"""What an evaluation takes and leaves: the run, what is known, a rule on a member, and what has been concluded so far.

Belongs here: values. What they lead to is in `conclude` and `speak`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from pipeline.alerts.intents import Finding, Intent
from pipeline.alerts.machine import State, Step
from pipeline.alerts.observations import Guard, Observation
from pipeline.alerts.rules import fingerprint, rule_hash
from pipeline.config import AlertRule
from pipeline.months import add_months
from pipeline.schemas import ALERT_EVALUATION, ALERT_STATE, SILENCE

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
        operations: where it is said that the figures are not to be trusted.
    """

    run_id: str
    now: datetime
    notify: bool
    channel: str = "#revenue"
    storm: int = 5
    operations: str = "#data-ops"


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier runs left.

    Attributes:
        states: ALERT_STATE.
        evaluated: ALERT_EVALUATION, to see which months have been restated since they were judged.
        silences: SILENCE.
        acknowledged: the episodes that somebody has taken on: they are not reminded of.
    """

    states: pl.DataFrame = field(default_factory=ALERT_STATE.empty)
    evaluated: pl.DataFrame = field(default_factory=ALERT_EVALUATION.empty)
    silences: pl.DataFrame = field(default_factory=SILENCE.empty)
    acknowledged: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Member:
    """One rule on one member: what is known, what is seen, and what was judged before.

    Attributes:
        rule: the rule.
        name: the member.
        before: its state; null when it is evaluated for the first time.
        seen: its observations.
        judged: the verdicts of earlier runs.
        silenced: a silence is in force now.
        inhibited: months in which a rule on the total speaks for its members.
        acknowledged: episodes that somebody has taken on.
        ruled: the rule has judged other members before, as it judges now.
    """

    rule: AlertRule
    name: str
    before: State | None
    seen: Mapping[date, Observation]
    judged: Versions
    silenced: bool
    inhibited: frozenset[date] = frozenset()
    acknowledged: frozenset[str] = frozenset()
    ruled: bool = False

    @property
    def fingerprint(self) -> str:
        """Names the rule on the member."""
        return fingerprint(self.rule, self.name)

    @property
    def seeding(self) -> bool:
        """Its rule is evaluated for the first time, or judges otherwise than before."""
        if self.before is None:
            return not self.ruled
        return self.before.rule_hash != rule_hash(self.rule)

    def guard(self, month: date, silenced: date | None = None) -> Guard | None:
        """Why nothing is concluded from `month`; `silenced` is the month that a silence is for."""
        seen = self.seen.get(month)
        if month == silenced:
            return "suppressed"
        if seen is None or (seen.observed is None and seen.guard is None):
            return "no_data"
        if seen.guard is None and month in self.inhibited:
            return "suppressed"
        return seen.guard

    def step(self, month: date, silenced: date | None = None) -> Step:
        """The month as the state machine sees it."""
        return Step(month, self.seen.get(month), self.guard(month, silenced), self._in_a_row(month))

    def _in_a_row(self, last: date) -> int:
        """How many months up to `last` breach, one after another, as their figures stand now."""
        count = 0
        while (seen := self.seen.get(add_months(last, -count))) and seen.breach and not seen.guard:
            count += 1
        return count


@dataclass(slots=True)
class Concluded:
    """What has been concluded so far, over all members."""

    evaluations: list[dict[str, object]] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    events: list[dict[str, object]] = field(default_factory=list)
    baseline: list[Finding] = field(default_factory=list)
    fired: list[Finding] = field(default_factory=list)
    others: list[Intent] = field(default_factory=list)
