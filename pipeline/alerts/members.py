"""What an evaluation takes and leaves: the run, a rule on a member, and what has been concluded so far.

Belongs here: values. What they lead to is in `conclude` and `speak`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from pipeline.alerts.intents import Finding, Intent
from pipeline.alerts.machine import State
from pipeline.alerts.observations import Observation
from pipeline.alerts.rules import fingerprint, rule_hash
from pipeline.config import AlertRule

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
    """

    rule: AlertRule
    name: str
    before: State | None
    seen: Mapping[date, Observation]
    judged: Versions
    silenced: bool
    inhibited: frozenset[date] = frozenset()
    acknowledged: frozenset[str] = frozenset()

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
