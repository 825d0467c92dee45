"""Failed checks as states: one operations message in place of every alert.

Belongs here: episodes of `data_quality` rules. They move with nights, not with months: a check fails or holds today.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from pipeline.alerts.intents import operations
from pipeline.alerts.kinds.trust import Trouble
from pipeline.alerts.machine import FIRING, OK, State
from pipeline.alerts.members import Concluded, Run
from pipeline.config import AlertRule


def conclude_quality(
    rule: AlertRule,
    troubles: Sequence[Trouble],
    states: Mapping[str, State],
    month: date | None,
    run: Run,
    into: Concluded,
) -> None:
    """Add to `into` which checks have begun to fail and which hold again; what stays so is not said again.

    Args:
        rule: a rule of kind data_quality.
        troubles: what it found.
        states: the states of earlier runs by fingerprint.
        month: the latest closed month.
        run: the run; one that may not notify concludes nothing.
        into: what has been concluded so far.
    """
    if not run.notify:
        return
    failing = {each.check: each for each in troubles}
    mine = {state.member: state for state in states.values() if state.rule_id == rule.id}
    begun = []
    for check in sorted(failing.keys() | mine.keys()):
        fresh = State.fresh(rule, check, run.now)
        before = mine.get(check, fresh)
        if before.firing == (check in failing):
            continue
        trouble = failing.get(check)
        after = _moved(before, trouble, run)
        into.states.append(after)
        into.events.append(_event(before, after, trouble, run))
        if trouble:
            begun.append(check)
    if begun:
        reasons = [each.said for _, each in sorted(failing.items())]
        channel = rule.channel or run.operations
        into.others.append(operations(reasons, run.now.date(), month, channel))


def _moved(before: State, trouble: Trouble | None, run: Run) -> State:
    today = run.now.date()
    episode = f"{before.fingerprint}|{today.isoformat()}" if trouble else None
    return replace(
        before,
        state=FIRING if trouble else OK,
        since_month=today.replace(day=1),
        episode_id=episode,
        slack_channel=None,
        slack_ts=None,
    )


def _event(before: State, after: State, trouble: Trouble | None, run: Run) -> dict[str, object]:
    said = f"{after.fingerprint}|{before.state}|{after.state}|{run.now.date().isoformat()}"
    return {
        "event_id": hashlib.sha256(said.encode()).hexdigest()[:32],
        "episode_id": after.episode_id or before.episode_id,
        "fingerprint": after.fingerprint,
        "from_state": before.state,
        "to_state": after.state,
        "month": run.now.date().replace(day=1),
        "reason": trouble.said if trouble else "The check holds again.",
    }
