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
SCORED = ("rules", "logistic")
"""Methods that order by a score."""


def trusted(listed: Listed) -> str:
    """What orders the accounts, and why."""
    order = ORDERS.get(listed.method, listed.method)
    if listed.verdict == "better":
        return f"The accounts stand by {order}, which told who expands better than every simple rule: {_lift(listed)}"
    if listed.verdict == "baseline":
        return f"The score was not surely better than a simple rule, so the accounts stand by {order}: {_lift(listed)}"
    if listed.verdict == "nothing":
        return (
            f"Nothing tells yet who expands in this company: no order was surely better than chance. So the accounts "
            f"stand by {order}."
        )
    return f"The accounts stand by {order}. It is too early to say whether it is any good."


def learned(listed: Listed) -> str:
    """Whether points that outcomes teach are any better than the fixed ones; empty where they order the accounts."""
    if listed.method == "logistic":
        return ""
    if listed.taught is None:
        return (
            f"The points of the score are fixed. Once {LEARNED_FROM} accounts expanded before a month end that is "
            f"looked back at, points are learned from what became of them, too; in all {listed.expanded:,} did."
        )
    lift, over_rules = listed.taught
    more = "more" if over_rules >= 0 else "less"
    return (
        f"A score with points learned from what became of accounts was tried, too. It was not surely better, or only "
        f"by knowing of open deals: its first tenth expanded {lift:.2f} times as often as all accounts, "
        f"{abs(over_rules):.2f} {more} than by the fixed points."
    )


def by_score(listed: Listed) -> bool:
    """Whether a score orders the accounts; one that does not is not shown beside them."""
    return listed.method in SCORED


def chance(listed: Listed) -> str:
    """The chance that all of the accounts have; empty where it is not one, or not known.

    It is no share of those who did: ten accounts of the average are taken in (docs/readiness.md).
    """
    chances = {each.probability for each in listed.accounts}
    if len(chances) != 1 or None in chances:
        return ""
    return (
        f"By accounts that stood as high at earlier month ends, the chance to expand within three months is "
        f"{chances.pop():.0%}."
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
        f"its first tenth expanded {value:.2f} times as often within three months as all accounts ({low:.2f} to "
        f"{high:.2f}, at {listed.origins} earlier month ends)."
    )
