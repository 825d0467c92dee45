"""What is said of a finding, in sentences.

Belongs here: titles and sentences. How they are laid out is in `alert` and `digests`.
"""

from pipeline.alerts import words
from pipeline.alerts.escaping import escape, name
from pipeline.alerts.intents import CHANGED, Finding
from pipeline.alerts.messages.form import Letterhead, link
from pipeline.alerts.rules import threshold_of
from pipeline.alerts.story import POOLED, RETENTION, Mover, Split

MEMBER = 40
TITLES = {
    "floor": "is under its floor",
    "target": "is under its target",
    "consecutive_declines": "declines month after month",
    "mix_shift": "is high",
    "concentration": "is high",
}
FALLEN = "is down"
PLAIN = ("floor", "target")
"""Kinds that judge the figure against a number that somebody wrote down."""
MOVED = {
    "contraction": "contracted",
    "churn": "left",
    "expansion": "expanded",
    "type": "By type",
    "movement": "By movement",
    "expansion_mrr": "expansion",
    "contraction_mrr": "contraction",
    "churned_mrr": "churn",
}


def title(finding: Finding) -> str:
    """What is the matter, and with whom: `Expansion rate of smb is down`."""
    kind = finding.rule.kind
    what = subject(finding)
    if kind == "target":
        what = what.replace(words.METRICS["attainment"], words.METRICS["expansion_rate"])
    return f"{what} {TITLES.get(kind, FALLEN)}"


def sentence(finding: Finding, head: Letterhead) -> str:
    """The figure, what was expected, the money that is short and the number of accounts."""
    rule, seen = finding.rule, finding.seen
    if seen is None:
        return f"There is no figure for {words.month(finding.month)}."
    figure = words.figure(rule, seen.observed, head.currency)
    said = (
        f"{subject(finding)} in {words.month(seen.month)} was *{figure}*{_against(finding, head)}"
    )
    if seen.missing is not None:
        said += f", {words.money(seen.missing, head.currency)} MRR short"
    judged = rule.kind in PLAIN
    by = "" if seen.effect is None or judged else f"{words.effect(seen.effect)}; "
    told = "" if judged else f" {escape(seen.said)}".rstrip()
    return f"{said} ({by}{sample(finding)}).{told}"


def subject(finding: Finding) -> str:
    """The figure, and whose it is: `Expansion rate of smb`."""
    whose = finding.state
    where = "" if whose.dimension == "total" else f" of {name(whose.member, MEMBER)}"
    return f"{words.metric(finding.rule)}{where}"


def _against(finding: Finding, head: Letterhead) -> str:
    rule, seen = finding.rule, finding.seen
    if rule.kind in PLAIN:
        limit = words.threshold(rule, threshold_of(rule), head.currency)
        return f", under the threshold of {limit}"
    if seen is None or seen.expected is None or rule.kind == "mix_shift":
        return ""
    if rule.kind == "concentration":
        return f", against {words.figure(rule, seen.expected, head.currency)} at most"
    return f", against {words.figure(rule, seen.expected, head.currency)} expected"


def sample(finding: Finding) -> str:
    """How many accounts it rests on."""
    seen = finding.seen
    if seen is None:
        return "no account"
    if finding.rule.kind in POOLED:
        return f"{seen.k:,} expansions in {seen.n:,} account-months"
    if finding.rule.metric in RETENTION:
        return words.accounts(seen.n)
    return f"{seen.k:,} of {words.accounts(seen.n)} expanded"


def over(finding: Finding) -> bool:
    """The figure is what it should be again; if not, nothing is judged any more."""
    seen = finding.seen
    return seen is not None and seen.observed is not None and not (seen.guard or seen.breach)


def back(finding: Finding, head: Letterhead) -> str:
    """That the figure is what it should be again, or why nothing is judged any more."""
    rule, seen = finding.rule, finding.seen
    if seen is None or not over(finding):
        return f"{words.month(finding.month)}: {escape(finding.reason)}"
    figure = words.figure(rule, seen.observed, head.currency)
    said = f"{subject(finding)} in {words.month(seen.month)} was *{figure}*"
    if rule.kind in PLAIN:
        limit = words.threshold(rule, threshold_of(rule), head.currency)
        why = f" {CHANGED}" if finding.reason == CHANGED else ""
        return f"{said}, at or over the threshold of {limit} ({sample(finding)}).{why}"
    told = f"{said}{_against(finding, head)} ({sample(finding)}). {escape(finding.reason)}"
    return told.rstrip()


def restated(finding: Finding, head: Letterhead) -> str:
    """That a month changed, and with it the verdict."""
    rule, seen = finding.rule, finding.seen
    figure = "undefined" if seen is None else words.figure(rule, seen.observed, head.currency)
    verdict = "still breaches" if seen is not None and seen.breach else "no longer breaches"
    return (
        f"{words.month(finding.month)} was restated: {subject(finding)} is now *{figure}* and "
        f"{verdict} the rule{_against(finding, head) if rule.kind not in PLAIN else _limit(finding, head)}."
    )


def _limit(finding: Finding, head: Letterhead) -> str:
    rule = finding.rule
    return f" (threshold {words.threshold(rule, threshold_of(rule), head.currency)})"


def changed(split: Split, currency: str) -> str:
    """One line: `By type: seats -$2,900 · usage +$120`."""
    parts = (
        f"{_part(split.by, part)} {words.change(amount, currency)}" for part, amount in split.parts
    )
    label = MOVED.get(split.by, f"By {split.by.replace('_', ' ')}")
    return f"{label}: {' · '.join(parts)}"


def _part(by: str, part: str) -> str:
    if by == "type":
        return words.TYPES.get(part, name(part))
    return MOVED.get(part, name(part, MEMBER)) if by == "movement" else name(part, MEMBER)


def mover(each: Mover, head: Letterhead) -> str:
    """One account: what it did, who owns it, where to look."""
    known = link(_crm(each, head), name(each.name))
    owner = f" · owner {name(each.owner, MEMBER)}" if each.owner else ""
    customer = each.customer_id or (each.account_id if each.account_id.startswith("cus_") else None)
    stripe = (
        f" · {link(f'https://dashboard.stripe.com/customers/{customer}', 'Stripe')}"
        if customer and customer.startswith("cus_")
        else ""
    )
    moved = MOVED.get(each.movement, each.movement)
    return f"{known} {moved}: {words.change(each.amount, head.currency)}{owner}{stripe}"


def _crm(each: Mover, head: Letterhead) -> str | None:
    """The account's page in its CRM, where that is known."""
    source, _, key = each.account_id.partition(":")
    if source == "salesforce" and head.salesforce and key.isalnum():
        return f"https://{head.salesforce}.salesforce.com/{key}"
    if source == "hubspot" and head.hubspot_portal and key.isdigit():
        return f"https://app.hubspot.com/contacts/{head.hubspot_portal}/record/0-2/{key}"
    return None
