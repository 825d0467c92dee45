"""Failed checks as states: one operations message in place of every alert.

Belongs here: episodes of `data_quality` rules. They move with nights, not with months: a check fails or holds today.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from pipeline.alerts.gather import silenced
from pipeline.alerts.intents import operations
from pipeline.alerts.kinds.trust import Trouble
from pipeline.alerts.machine import FIRING, OK, State
from pipeline.alerts.members import Concluded, Known, Run
from pipeline.config import AlertRule


def conclude_quality(
    rule: AlertRule,
    troubles: Sequence[Trouble],
    known: Known,
    month: date | None,
    run: Run,
    into: Concluded,
) -> None:
    """Add to `into` which checks have begun to fail and which hold again; what stays so is not said again.

    Args:
        rule: a rule of kind data_quality.
        troubles: what it found.
        known: what earlier runs left; a check that is silenced begins to fail when its silence ends.
        month: the latest closed month.
        run: the run; one that may not notify concludes nothing.
        into: what has been concluded so far.
    """
    if not run.notify:
        return
    failing = {each.check: each for each in troubles}
    mine = _states_of(rule, known)
    hushed = {check for check in failing if silenced(known.silences, rule, check, run.now)}
    begun = []
    for check in sorted(failing.keys() | mine.keys()):
        fresh = State.fresh(rule, check, run.now)
        before = mine.get(check, fresh)
        if before.firing == (check in failing) or check in hushed:
            continue
        trouble = failing.get(check)
        after = _moved(before, trouble, run)
        into.states.append(after)
        into.events.append(_event(before, after, trouble, run))
        if trouble:
            begun.append(check)
    if begun:
        reasons = [each.said for check, each in sorted(failing.items()) if check not in hushed]
        channel = rule.channel or run.operations
        into.others.append(operations(reasons, run.now.date(), month, channel))


def _states_of(rule: AlertRule, known: Known) -> dict[str, State]:
    """The rule's states by check."""
    mine = known.states.filter(rule_id=rule.id, dimension=rule.dimension)
    return {row["member"]: State(**row) for row in mine.iter_rows(named=True)}


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
