"""How fast cohorts grow, in words and as tables: newer cohorts against older ones, always at the same age.

Belongs here: which years are compared, at which ages, and what is said of the difference.
"""

from math import sqrt

from pipeline.months import key_of
from pipeline.publish.page import words
from pipeline.publish.page.figures import Month
from pipeline.publish.page.growth import FEW, Reached, Year, compared, enough

AGES = (1, 2, 3, 6, 9, 11)
SAID = (3, 6)
"""Ages of the table, and of the sentence."""
SURE = 1.96
"""Standard errors beyond which a difference is not taken for chance."""
ABSENT = "The growth of cohorts was not computed for this month: expansion backfill does it."
HEAD = ("Months", "Newer", "Accounts", "Older", "Accounts")
YEARS_HEAD = ("First paid, year to", "Accounts", "Half after", "90 days", "Year two", "NRR")


def pace(found: Month) -> str:
    """How many of the newer and of the older accounts had expanded at the same ages."""
    if not found.growth:
        return ABSENT
    newer, older = compared(found.growth, found.month)
    if newer is None:
        return "Nobody paid for the first time in the last twelve months."
    ages = [age for age in SAID if enough(newer, age)]
    if not ages:
        return (
            f"Fewer than {FEW} accounts that first paid in the last twelve months are {SAID[0]} months old: "
            f"too few to tell how fast they expand."
        )
    whom = f"Of the accounts that first paid in the twelve months to {words.month(newer.last)}"
    rest = "Estimated from the accounts that are so old; their number is in brackets."
    both = [age for age in ages if older is not None and enough(older, age)]
    if older is None or not both:
        told = [f"{_counted(newer, age)} within {age} months" for age in ages]
        return f"{whom}, {words.listed(told)} had expanded. There is no year before to compare with. {rest}"
    told = [
        f"{_counted(newer, age)} had expanded within {age} months, against {_counted(older, age)} of the year before"
        for age in both
    ]
    return f"{whom}, {'; '.join(told)}. {_doubt(newer, older, both)} {rest}"


def years(found: Month) -> str:
    """The first 90 days and year two, latest cohorts first."""
    if not found.growth:
        return ABSENT
    early = [
        f"{words.share(each.early_rate)} ({words.counted(each.early_accounts, 'account')})"
        for each in found.growth
        if each.early_rate is not None
    ]
    two = [each for each in found.growth if each.year_two_rate is not None]
    if not early:
        return "No cohort is three months old yet."
    said = (
        f"Within 90 days, new accounts expanded by {_after(early)} of the MRR that they began with."
    )
    if not two:
        return said
    rates = [
        f"{words.share(each.year_two_rate)} (NRR {words.share(each.year_two_nrr, 0)})"
        for each in two
    ]
    return (
        f"{said} Accounts that first paid in the twelve months to {words.month(two[0].last)} expanded by "
        f"{_after(rates)}, in their second year."
    )


def _after(told: list[str]) -> str:
    return told[0] if len(told) == 1 else f"{told[0]}, those of the year before by {told[1]}"


def pace_rows(found: Month) -> tuple[tuple[str, ...], ...]:
    """A row an age that enough of the newer or of the older accounts have reached."""
    pair = compared(found.growth, found.month)
    return tuple(
        (str(age), *(cell for each in pair for cell in _cells(each, age)))
        for age in AGES
        if any(each is not None and enough(each, age) for each in pair)
    )


def year_rows(found: Month) -> tuple[tuple[str, ...], ...]:
    """A row for the cohorts of twelve months, latest first."""
    return tuple(
        (
            key_of(each.last),
            f"{each.accounts:,}",
            words.NOTHING if each.half is None else f"{each.half} m.",
            words.share(each.early_rate),
            words.share(each.year_two_rate),
            words.share(each.year_two_nrr, 0),
        )
        for each in found.growth
    )


def _cells(each: Year | None, age: int) -> tuple[str, str]:
    if each is None or not enough(each, age):
        return words.NOTHING, words.NOTHING
    return _share(each, age), f"{each.by_age[age].accounts:,}"


def _share(each: Year, age: int) -> str:
    return f"{each.by_age[age].share:.0%}"


def _counted(each: Year, age: int) -> str:
    return f"{_share(each, age)} ({each.by_age[age].accounts:,})"


def _doubt(newer: Year, older: Year, ages: list[int]) -> str:
    """Whether so many accounts would differ as much by chance."""
    sure = [age for age in ages if not _chance(newer.by_age[age], older.by_age[age])]
    if not sure:
        return "That may be chance."
    if sure == ages:
        return "That is more than chance."
    return f"The difference at {words.counted(sure[0], 'month')} is more than chance, the other may be chance."


def _chance(one: Reached, other: Reached) -> bool:
    """Whether a difference is within the interval of Agresti and Caffo for two shares."""
    counts = (one.accounts, other.accounts)
    smoothed = [(it.share * it.accounts + 1) / (it.accounts + 2) for it in (one, other)]
    error = sqrt(
        sum(
            share * (1 - share) / (count + 2) for share, count in zip(smoothed, counts, strict=True)
        )
    )
    return abs(smoothed[0] - smoothed[1]) <= SURE * error
