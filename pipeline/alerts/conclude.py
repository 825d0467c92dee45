"""What the closed months conclude for one rule on one member.

Belongs here: which months are new, what guards them, and what is left behind. What has to be said about it is in
`speak`, all members together are in `evaluate`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from pipeline.alerts.machine import State, Step, advance
from pipeline.alerts.members import Concluded, Member, Run
from pipeline.alerts.observations import Observation
from pipeline.alerts.rules import rule_hash, threshold_of
from pipeline.alerts.speak import correct, event_row, seed, speak


def conclude(
    member: Member, months: Sequence[date], run: Run, into: Concluded, *, held: bool = False
) -> None:
    """Add to `into` what the closed `months` (at least one, ascending) conclude for `member`.

    Args:
        member: the rule on the member.
        months: every closed month.
        run: the run.
        into: what has been concluded so far.
        held: the figures are not to be trusted: evaluations are made, states wait for a better night.

    A verdict that is another one than before, of which nobody is told now, is `suppressed`: it is told once it can be.
    """
    before = member.before
    fresh = State.fresh(member.rule, member.name, run.now)
    start = fresh if before is None or member.seeding else before
    steps = _steps(member, months, start.last_month)
    restated = [] if member.seeding else _restated(member)
    shown = steps or _steps(member, months[-1:], None)
    if held or not run.notify:
        shown = [
            replace(step, guard="suppressed") if held or not _known(member, step) else step
            for step in shown
        ]
    told = {step.month for step in shown}
    into.evaluations += [_evaluation(member, step) for step in shown]
    if held or not run.notify:
        return
    into.evaluations += [
        _evaluation(
            member, Step(seen.month, seen, "suppressed" if member.silenced and start.open else None)
        )
        for seen in restated
        if seen.month not in told
    ]
    after, transitions = advance(start, member.rule, steps)
    if member.seeding:
        after = seed(member, after, months[-1], into, run)
    else:
        # Of the past of a member that is new to the rule, what holds now is told.
        into.events += [event_row(each) for each in transitions[None if before else -1 :]]
        after = speak(member, start, after, transitions, into, run)
        correct(member, start, restated, into, run)
    if before is None or after != before:
        into.states.append(after)


def _steps(member: Member, months: Sequence[date], after: date | None) -> list[Step]:
    """The closed months that are new, beginning with the first in which the member has figures."""
    new = [month for month in months if after is None or month > after]
    if after is None and member.seen:
        new = [month for month in new if month >= min(member.seen)]
    silenced = months[-1] if member.silenced else None
    return [member.step(month, silenced) for month in new]


def _known(member: Member, step: Step) -> bool:
    """Whether the month was judged so before, in this version."""
    seen = step.seen
    return seen is not None and member.judged.get(step.month) == (seen.version, seen.breach)


def _restated(member: Member) -> list[Observation]:
    """Months that were judged at an earlier version."""
    versions = {month: version for month, (version, _) in member.judged.items()}
    return [
        seen
        for month, seen in sorted(member.seen.items())
        if month in versions and seen.version > versions[month]
    ]


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
