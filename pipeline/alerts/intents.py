"""What is to be said to people, before it is put into words.

Belongs here: intents and their keys. A key is unique on rule and member, month and data version, so that a step may be
repeated: the same key is never sent twice.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pipeline.alerts.machine import State
from pipeline.alerts.observations import Observation
from pipeline.config import AlertRule

CHANGED = "The rule was changed."
"""Why an episode ended that the figures did not end."""
Kind = Literal["fired", "reminder", "escalated", "resolved", "restated", "digest", "operations"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule on one member, and the month that is spoken of.

    Attributes:
        rule: the rule.
        state: its state after the month.
        episode_id: the episode that it belongs to.
        seen: the month's figure; null where the member is gone.
        month: the month.
        trend: month and figure of the months before and of this one, oldest first.
        reason: why, for people.
    """

    rule: AlertRule
    state: State
    episode_id: str
    seen: Observation | None
    month: date
    trend: tuple[tuple[date, float | None], ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """One message to send.

    Attributes:
        key: unique on what it says.
        kind: fired, reminder, escalated, resolved, restated, digest (several findings, or those of a first run), or
            operations (in place of alerts on figures that are not to be trusted).
        channel: Slack channel.
        findings: what it says; one unless it is a digest, none for operations.
        baseline: it names what was firing already when a rule was evaluated for the first time.
        reasons: what is wrong with the figures, a sentence each; only for operations.
        month: the latest closed month, where no finding names one.
        quiet: it stays in its thread, where others of its kind are seen in the channel.
    """

    key: str
    kind: Kind
    channel: str
    findings: tuple[Finding, ...] = ()
    baseline: bool = False
    reasons: tuple[str, ...] = ()
    month: date | None = None
    quiet: bool = False

    @property
    def episodes(self) -> tuple[str, ...]:
        """The episodes that the message speaks of."""
        return tuple(finding.episode_id for finding in self.findings)


def single(kind: Kind, finding: Finding, channel: str) -> Intent:
    """One finding's message."""
    version = finding.seen.version if finding.seen else 0
    key = f"{kind}|{finding.state.fingerprint}|{finding.month:%Y-%m}|v{version}"
    return Intent(key, kind, finding.rule.channel or channel, (finding,))


def digest(findings: Iterable[Finding], channel: str, *, baseline: bool) -> Intent:
    """One message for several findings; its key names all of them, their rules and versions."""
    listed = tuple(sorted(findings, key=lambda each: each.state.fingerprint))
    parts = [
        f"{each.state.fingerprint}|{each.state.rule_hash}|v{each.seen.version if each.seen else 0}"
        for each in listed
    ]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    what = "baseline" if baseline else "digest"
    month = max(each.month for each in listed)
    return Intent(f"{what}|{month:%Y-%m}|{name}", "digest", channel, listed, baseline)


def operations(reasons: Sequence[str], since: date, month: date | None, channel: str) -> Intent:
    """One message in place of every alert on figures that are not to be trusted.

    Args:
        reasons: what is wrong, a sentence each.
        since: the day of the first evaluation that found it so; the same trouble is told once.
        month: the latest closed month, which is not judged.
        channel: Slack channel of operations.
    """
    name = hashlib.sha256("\n".join(sorted(reasons)).encode()).hexdigest()[:16]
    return Intent(
        f"operations|{since.isoformat()}|{name}",
        "operations",
        channel,
        reasons=tuple(reasons),
        month=month,
    )
