"""What is said of the list of accounts that expand next: what orders it, and how far that can be trusted.

Belongs here: the words that page, command and message share.
"""

from pipeline.publish.ready import Listed

MOTIONS = {"seat": "more seats", "upgrade": "larger plan", "cross_sell": "another product"}
LEARNED_FROM = 200
"""As `pipeline.readiness.logistic` has it."""
ORDERS = {
    "rules": "the score",
    "logistic": "the score, with points learned from what became of accounts",
    "largest_mrr": "MRR, the largest first",
    "utilisation": "the use of what they pay for",
    "expanded_recently": "their latest expansion",
}


def trusted(listed: Listed) -> str:
    """What orders the accounts, and why."""
    order = ORDERS.get(listed.method, listed.method)
    if listed.verdict == "better":
        return f"The accounts stand by {order}, which was better than every simple rule: {_lift(listed)}"
    if listed.verdict == "baseline":
        return f"The score was not surely better than a simple rule, so the accounts stand by {order}: {_lift(listed)}"
    if listed.verdict == "nothing":
        return f"The score adds nothing here: no order told who expands. The accounts stand by {order}."
    return f"The accounts stand by {order}. It is too early to say whether it is any good."


def learned(listed: Listed) -> str:
    """Whether points that outcomes teach are any better than the fixed ones; empty where they order the accounts."""
    if listed.method == "logistic":
        return ""
    if listed.taught is None:
        return (
            f"Points are learned from outcomes once {LEARNED_FROM} accounts expanded before a month end that is looked "
            f"back at; in all {listed.expanded:,} did."
        )
    lift, over_rules = listed.taught
    return (
        f"Points learned from outcomes were not surely better, or by open deals alone: {lift:.2f} times, "
        f"{over_rules:+.2f} beside the rules."
    )


def left_out(listed: Listed) -> str:
    """Who is not in the list; empty where nobody is left out."""
    parts = [
        (listed.blocked, "blocked (cancelling, past due, or new)"),
        (listed.held_out, "held out by an experiment: do not ask them"),
    ]
    told = " and ".join(f"{count:,} {why}" for count, why in parts if count)
    return f"Not in the list: {told}." if told else ""


def motion(name: str | None) -> str:
    """What to offer; a dash where nothing speaks for anything."""
    return MOTIONS.get(name or "", name or "–")


def _lift(listed: Listed) -> str:
    if listed.lift is None:
        return "how good it was is not known."
    value, low, high = listed.lift
    return (
        f"in its first tenth {value:.2f} times as many expanded within three months as among all ({low:.2f} to "
        f"{high:.2f}, {listed.origins} earlier month ends)."
    )
