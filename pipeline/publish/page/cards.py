"""The cards of the page: each chart with its sentence and its table.

Belongs here: which there are, in their order, and the cells of their tables. Does not belong here: how they are laid
out (`page.html.j2`), and what the sentences say (`sentences`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.months import add_months, key_of
from pipeline.publish import ready_words
from pipeline.publish.page import charts, growth_words, sentences, words
from pipeline.publish.page.figures import Month
from pipeline.publish.page.given import Given
from pipeline.publish.page.past import YEAR, Row
from pipeline.publish.ready import Ready

AGES = (3, 6, 12, 24)


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart of the page.

    Attributes:
        id: its anchor.
        title: its heading.
        sentence: the same in words.
        chart: the Vega-Lite document; null where there is nothing to draw, and a table is shown as it is.
        head: headings of its table.
        rows: the same figures as a table.
        wide: it takes the whole width.
        texts: headings of columns that hold words and stand at the left; the first one always does.
        notes: a line below each row; empty: none.
        more: what is folded away below the sentence.
    """

    id: str
    title: str
    sentence: str
    chart: charts.Chart | None
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    wide: bool = False
    texts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    more: str = ""


def figures(found: Month, given: Given) -> tuple[Figure, ...]:
    """The charts of the page, each with its sentence and its table."""
    return (
        Figure(
            "waterfall",
            "From opening to closing MRR",
            sentences.waterfall(found),
            charts.waterfall(found),
            wide=True,
        ),
        Figure(
            "rate",
            "Expansion rate",
            sentences.rate(found, given),
            charts.rate(found, given),
            ("Month", "Rate"),
            _series(found.months, "expansion_rate"),
        ),
        Figure(
            "retention",
            "NRR and GRR over twelve months",
            sentences.retention(found),
            charts.retention(found),
            ("Month", "NRR", "GRR"),
            _series(found.years, "nrr", "grr"),
        ),
        Figure(
            "types",
            "Expansion by type",
            sentences.types(found),
            charts.types(found) if found.types else None,
            ("Month", "Type", "Expansion MRR", "Accounts"),
            tuple(
                (
                    key_of(row["month"]),
                    words.kind(row["type"]),
                    words.signed(row["amount"]),
                    str(row["accounts"]),
                )
                for row in reversed(found.types)
                if row["month"] > add_months(found.month, -YEAR)
            ),
            wide=True,
            texts=("Type",),
        ),
        *(_split(found, dimension) for dimension in found.members),
        Figure(
            "sold",
            "Sold, or by itself",
            sentences.sold(found),
            charts.sold(found) if found.brought and found.brought.shares else None,
        ),
        Figure(
            "pipeline",
            "Open expansion pipeline",
            sentences.pipeline(found),
            charts.pipeline(found) if found.stages else None,
            ("Stage", "Deals", "Amount", "Weighted"),
            tuple(
                (
                    row["stage"],
                    f"{row['deals']:,}",
                    words.money(row["amount"]),
                    words.money(row["weighted"]),
                )
                for row in found.stages
            ),
        ),
        *_ready(found),
        Figure(
            "concentration",
            "How much hangs on a few",
            sentences.concentration(found),
            charts.concentration(found) if found.total["top1_share"] is not None else None,
        ),
        Figure(
            "revenue",
            "Quality of the revenue",
            sentences.quality(found),
            charts.quality(found) if found.total["ending_mrr"] else None,
        ),
        Figure(
            "within",
            "Up and down within the month",
            sentences.within(found),
            None,
            ("Account", "Up", "Down", "Netted", "Items passing"),
            tuple(
                (
                    each.name,
                    words.money(each.up),
                    words.money(each.down),
                    words.money(each.netted),
                    f"{each.passing:,}",
                )
                for each in found.within.top
            ),
            wide=True,
        ),
        Figure(
            "cohorts",
            "NRR of cohorts by age",
            sentences.cohorts(found),
            charts.cohorts(found) if found.cohorts else None,
            ("First paid", "Accounts", *(f"NRR {age} m." for age in AGES)),
            _cohorts(found),
            wide=True,
        ),
        Figure(
            "pace",
            "How fast cohorts grow",
            growth_words.pace(found),
            charts.pace(found),
            growth_words.HEAD,
            growth_words.pace_rows(found),
        ),
        Figure(
            "years",
            "First 90 days and second year",
            growth_words.years(found),
            None,
            growth_words.YEARS_HEAD,
            growth_words.year_rows(found),
        ),
    )


def _split(found: Month, dimension: str) -> Figure:
    rows = found.members[dimension]
    return Figure(
        dimension,
        f"Expansion by {dimension}",
        sentences.members(found, dimension),
        charts.members(rows) if rows else None,
        (dimension.capitalize(), "Expansion MRR", "Rate", "Target", "NRR", "Accounts"),
        tuple(
            (
                row["member"],
                words.money(row["expansion_mrr"]),
                words.share(row["expansion_rate"]),
                _target(row),
                words.share(row["nrr"]),
                f"{row['closing_accounts']:,}",
            )
            for row in rows
        ),
    )


def _ready(found: Month) -> tuple[Figure, ...]:
    """Who expands next, of a month that was scored."""
    listed = found.ready
    if listed is None:
        return ()
    scored = ready_words.by_score(listed)
    differ = len({each.probability for each in listed.accounts}) > 1
    columns = {
        "Account": [each.name for each in listed.accounts],
        "Owner": [each.owner or words.NOTHING for each in listed.accounts],
        **({"Score": [f"{each.score:.0f}" for each in listed.accounts]} if scored else {}),
        **(
            {"Chance in 3 m.": [words.share(each.probability, 0) for each in listed.accounts]}
            if differ
            else {}
        ),
        "MRR": [words.money(each.mrr) for each in listed.accounts],
    }
    parts = (ready_words.trusted, ready_words.chance, ready_words.left_out)
    return (
        Figure(
            "ready",
            "Who expands next",
            " ".join(part for part in (said(listed) for said in parts) if part),
            None,
            tuple(columns),
            tuple(zip(*columns.values(), strict=True)),
            wide=True,
            texts=("Owner",),
            notes=tuple(_why(each) for each in listed.accounts),
            more=ready_words.learned(listed),
        ),
    )


def _why(each: Ready) -> str:
    """What to offer, and the reasons."""
    offer = f"Offer {ready_words.motion(each.motion)}: " if each.motion else ""
    return f"{offer}{'; '.join(each.reasons)}"


def _cohorts(found: Month) -> tuple[tuple[str, ...], ...]:
    """A row a cohort, latest first: its accounts, and its NRR at some ages."""
    nrr = {(row["cohort_month"], row["age_months"]): row["nrr"] for row in found.cohorts}
    begun = [row for row in found.cohorts if row["age_months"] == 0]
    return tuple(
        (
            key_of(row["cohort_month"]),
            f"{row['accounts']:,}",
            *(words.share(nrr.get((row["cohort_month"], age)), 0) for age in AGES),
        )
        for row in reversed(begun)
    )


def _target(row: Row) -> str:
    """The target of a member, and how much of it is reached."""
    if row["target"] is None:
        return words.NOTHING
    return f"{words.share(row['target'])} ({words.share(row['attainment'], 0)} reached)"


def _series(rows: Sequence[Row], *columns: str) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (key_of(row["month"]), *(words.share(row[column], 2) for column in columns))
        for row in reversed(rows)
    )
