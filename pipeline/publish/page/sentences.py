"""The sentence beside each chart: it says the same in words, for people who do not see the chart.

Belongs here: words around figures that the month holds.
"""

from pipeline.publish.brought import Won
from pipeline.publish.page import words
from pipeline.publish.page.charts import MEMBERS
from pipeline.publish.page.figures import Month
from pipeline.publish.page.given import Given
from pipeline.publish.render_brought import OUTCOMES, sensitivity

ALMOST = 0.0005
NEGATIVE = (
    " A negative part is what accounts that expanded all the same lost by it, as by a new discount."
)
YEAR_OLD = 12


def waterfall(found: Month) -> str:
    """From opening to closing."""
    row = found.total
    up = [
        f"{words.money(row[column])} {name}"
        for column, name in (
            ("new_mrr", "from new accounts"),
            ("expansion_mrr", "from expansion"),
            ("reactivation_mrr", "from accounts that came back"),
        )
        if round(row[column])
    ]
    down = [
        f"{words.money(row[column])} {name}"
        for column, name in (("contraction_mrr", "to contraction"), ("churned_mrr", "to churn"))
        if round(row[column])
    ]
    parts = [f"MRR opened at {words.money(row['starting_mrr'])}"]
    if up:
        parts.append(f"gained {words.listed(up)}")
    if down:
        parts.append(f"lost {words.listed(down)}")
    if round(row["fx_mrr"]):
        parts.append(f"moved by {words.signed(row['fx_mrr'])} with exchange rates")
    end = "stands now" if row["provisional"] else "closed"
    return f"{', '.join(parts)}, and {end} at {words.money(row['ending_mrr'])}."


def rate(found: Month, given: Given) -> str:
    """The rate, what it is measured by, and the month before."""
    value = found.total["expansion_rate"]
    if value is None:
        return "There was no MRR at the opening, so there is no rate."
    if found.total["provisional"]:
        return _rate_so_far(found, given)
    parts = [f"The expansion rate was {words.share(value, 2)}"]
    if found.before and found.before["expansion_rate"] is not None:
        parts.append(f"after {words.share(found.before['expansion_rate'], 2)} the month before")
    for each in given.thresholds:
        side = "below" if value < each.value else "not below"
        parts.append(f"{side} the floor of {words.share(each.value)}")
    if given.target is not None:
        side = "below" if value < given.target else "at or above"
        parts.append(f"{side} the target of {words.share(given.target)}")
    return f"{', '.join(parts)}."


def _rate_so_far(found: Month, given: Given) -> str:
    """The rate of a month that is not closed: what it has to reach, and not whether it did."""
    parts = [f"The expansion rate is {words.share(found.total['expansion_rate'], 2)} so far"]
    if found.before and found.before["expansion_rate"] is not None:
        parts.append(f"{words.share(found.before['expansion_rate'], 2)} in the whole month before")
    parts += [f"the floor is {words.share(each.value)}" for each in given.thresholds]
    if given.target is not None:
        parts.append(f"the target is {words.share(given.target)}")
    return f"{'; '.join(parts)}."


def types(found: Month) -> str:
    """The types of this month, largest first."""
    rows = sorted(
        (row for row in found.types if row["month"] == found.month),
        key=lambda row: -row["amount"],
    )
    if not rows:
        return f"Nobody expanded in {words.month(found.month)}."
    told = [f"{words.kind(row['type']).lower()} {words.signed(row['amount'])}" for row in rows]
    lost = any(round(row["amount"]) < 0 for row in rows)
    return f"In {words.month(found.month)}: {words.listed(told)}.{NEGATIVE if lost else ''}"


def members(found: Month, dimension: str) -> str:
    """The largest member, and the one with the highest rate among those with MRR."""
    rows = found.members.get(dimension, ())
    if not rows:
        return f"{dimension.capitalize()} is no configured dimension."
    told = [
        f"{row['member']} {words.money(row['expansion_mrr'])} ({words.share(row['expansion_rate'])})"
        for row in rows[:3]
    ]
    hidden = len(rows) - MEMBERS
    rest = f" {words.counted(hidden, 'member')} more stand in the table." if hidden > 0 else ""
    return f"Expansion MRR and rate: {words.listed(told)}.{rest}"


def cohorts(found: Month) -> str:
    """How many cohorts, and the state of those a year old."""
    old = [row for row in found.cohorts if row["age_months"] == YEAR_OLD and row["nrr"] is not None]
    if not old:
        return "No cohort is a year old yet. Each row is the accounts that first paid in a month."
    above = sum(row["nrr"] >= 1 for row in old)
    return (
        f"Of {words.counted(len(old), 'cohort')} that reached a year, {above} then had at least the MRR "
        f"that they began with. Each row is the accounts that first paid in a month."
    )


def retention(found: Month) -> str:
    """NRR and GRR over twelve months."""
    if found.year is None or found.year["nrr"] is None:
        return "There are no twelve months behind this one yet."
    return (
        f"Over the twelve months to {words.month(found.month)}, NRR was {words.share(found.year['nrr'])} "
        f"and GRR {words.share(found.year['grr'])}."
    )


def concentration(found: Month) -> str:
    """How much hangs on a few accounts."""
    row = found.total
    if row["top1_share"] is None:
        return "Nobody expanded."
    return (
        f"The largest of {words.counted(row['expanding_accounts'], 'expanding account')} brought "
        f"{words.share(row['top1_share'], 0)} of the expansion, the largest ten "
        f"{words.share(row['top10_share'], 0)}."
    )


def quality(found: Month) -> str:
    """Discounts, risk, what is committed, and how accounts left."""
    row = found.total
    if not row["ending_mrr"]:
        return "There is no MRR at the end of the month."
    left = ""
    rest = row["churned_mrr"] - row["voluntary_churned_mrr"] - row["involuntary_churned_mrr"]
    if round(row["churned_mrr"]):
        left = (
            f" Of the churn, {words.money(row['voluntary_churned_mrr'])} chose to leave, "
            f"{words.money(row['involuntary_churned_mrr'])} failed to pay and {words.money(rest)} paused or left "
            f"for reasons that are not known."
        )
    return (
        f"Of the ending MRR, {words.money(row['discounted_mrr'])} has a discount and "
        f"{words.money(row['at_risk_mrr'])} is past due or scheduled to end; with every scheduled end and change it "
        f"comes to {words.money(row['committed_mrr'])}. Without price increases and changed discounts, expansion was "
        f"{words.money(row['organic_expansion_mrr'])}.{left}"
    )


def within(found: Month) -> str:
    """What the movements do not show, as it was undone before the month's end."""
    seen = found.within
    if not seen.accounts and not seen.passing:
        return "No account went up and down within the month, and no item came and left."
    told = []
    if seen.accounts:
        told.append(
            f"{words.counted(seen.accounts, 'account')} went up and down within the month: "
            f"{words.money(seen.netted)} of MRR that no movement shows, as it was undone before the month's end"
        )
    if seen.passing:
        came = f"{words.counted(seen.passing, 'item')} of {words.counted(seen.hosts, 'account')}"
        told.append(f"{came} came and left between the two month ends")
    rest = f" The {len(seen.top)} largest of {len(seen.top) + seen.more}:" if seen.more else ""
    return f"{'; '.join(told)}.{rest}"


def sold(found: Month) -> str:
    """Who brought the expansion, and how much hangs on the windows."""
    if found.brought is None:
        return "No CRM is connected, so nobody knows what was sold and what came by itself."
    if not found.brought.shares:
        return "There is no expansion to attribute in this month."
    whole = sum(each.amount for each in found.brought.shares)
    told = [
        f"{words.brought_by(each.attribution).lower()} {each.amount / whole:.0%}"
        for each in found.brought.shares
        if whole > ALMOST
    ]
    return f"{words.listed(told).capitalize()}. {sensitivity(found.brought)}".strip()


def pipeline(found: Month) -> str:
    """The open expansion deals."""
    if found.brought is None:
        return "No CRM is connected, so there is no pipeline to show."
    if not found.brought.open_deals:
        return f"No expansion deal was open at the end of {words.month(found.month)}."
    weighted = found.brought.weighted
    likely = (
        "and how likely they are won is not known"
        if weighted is None
        else f"{words.money(weighted)} weighted by how likely their stage is won"
    )
    return (
        f"{words.counted(found.brought.open_deals, 'expansion deal').capitalize()} stood open over "
        f"{words.money(found.brought.open_amount)}, {likely}. {_won(found.brought.won)}"
    ).strip()


def _won(won: Won) -> str:
    """What became of the expansion deals that were won."""
    count = sum(won.outcomes.values())
    if not count:
        return ""
    told = [
        f"{won.outcomes[each]} {said}" for each, said in OUTCOMES.items() if won.outcomes.get(each)
    ]
    return f"Of {words.counted(count, 'deal')} won in {words.counted(won.months, 'month')}, {words.listed(told)}."
