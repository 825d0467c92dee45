"""Stripe's clock against this machine's, and how fast Stripe may be asked.

Belongs here: what was noted while asking, judged.
"""

from pipeline.cli.doctor.finding import Found
from pipeline.cli.doctor.stripe.asking import Account, Clock
from pipeline.sources.stripe.client import OVERALL_PER_SECOND

OFF = 60
"""Seconds: a clock that is kept in time is right to a fraction of one, so this one is not kept in time."""
LOST = 300
"""Seconds at which events may be missed: a sync reads from 15 minutes before the last one by this machine's clock, and
events become visible up to 10 minutes late; a clock that is ahead by more than what is between leaves some out. One
that is behind loses nothing, but what just happened does not count yet."""


def clock(seen: Clock | None, *, pinned: bool) -> Found:
    """Whether this machine's clock is right.

    Args:
        seen: what the quickest answer tells; null: nothing does.
        pinned: PIPELINE_NOW stands in for the clock.
    """
    if pinned:
        return Found("Clock", "ok", "not judged: PIPELINE_NOW stands in for it")
    if seen is None:
        return Found("Clock", "note", "not judged: Stripe's answers bear no date")
    off = abs(seen.ahead)
    # The header is in whole seconds, and the request took its time.
    if off <= 1 + seen.took / 2:
        return Found("Clock", "ok", "as Stripe's, to the second")
    said = f"{_seconds(off)} {'ahead of' if seen.ahead > 0 else 'behind'} Stripe's"
    if off <= OFF:
        return Found("Clock", "ok", said)
    remedy = "Keep it in time (NTP)"
    if off <= LOST:
        return Found("Clock", "note", f"{said}. {remedy}.")
    harm = "events may be missed" if seen.ahead > 0 else "what just happened does not count yet"
    return Found("Clock", "fail", f"{said}: {harm}. {remedy}.")


def _seconds(seconds: float) -> str:
    if seconds < 2 * OFF:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:,.0f} minutes"


def rates(account: Account, key: str, setting: float) -> Found:
    """How many requests a second are sent at most, and whether some were too many.

    Args:
        account: what was asked.
        key: the key.
        setting: `stripe.requests_per_second`.
    """
    overall = account.pace.overall.per_second
    endpoint = account.pace.endpoint("").per_second
    whose = "Stripe's limits"
    if setting == overall != OVERALL_PER_SECOND:
        whose = "stripe.requests_per_second"
    elif "_test_" in key:
        whose = "a sandbox's limits"
    sent = f"at most {overall:g} requests a second, {endpoint:g} to one endpoint ({whose})"
    if not account.hasty:
        return Found("Rate limits", "ok", f"{sent}; none of {account.asked} was refused")
    reasons = ", ".join(sorted(set(account.hasty)))
    return Found(
        "Rate limits",
        "note",
        f"{sent}, but {len(account.hasty)} of {account.asked} were too many ({reasons}): other programs use this "
        f"account. The sync slows down by itself; lower stripe.requests_per_second to leave them room.",
    )
