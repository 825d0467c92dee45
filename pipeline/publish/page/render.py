"""The page as one HTML text: nothing in it is loaded from anywhere.

Belongs here: putting figures, charts, sentences and the template together. The page's policy lets the browser run the
two scripts that it names by their hash, and load nothing; text of others is escaped by the template.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pipeline.months import add_months, key_of
from pipeline.publish import ready_words
from pipeline.publish.page import charts, growth_words, palette, sentences, words
from pipeline.publish.page.figures import Month
from pipeline.publish.page.given import Given
from pipeline.publish.page.past import YEAR, Row
from pipeline.publish.page.tiles import tiles

if TYPE_CHECKING:
    import jinja2

HERE = "pipeline.publish.page"
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
    """

    id: str
    title: str
    sentence: str
    chart: charts.Chart | None
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    wide: bool = False


def page(found: Month, given: Given, months: Sequence[date], library: str) -> str:
    """The page of a month.

    Args:
        found: the month.
        given: what the configuration says.
        months: every month that has a page, for the links to the one before and after.
        library: the script that draws (`library.script`).
    """
    at = months.index(found.month)
    return _render(
        "page.html.j2",
        found=found,
        given=given,
        title=words.month(found.month),
        tiles=tiles(found, given.currency),
        figures=figures(found, given),
        before=key_of(months[at - 1]) if at else None,
        after=key_of(months[at + 1]) if at + 1 < len(months) else None,
        pages=[key_of(month) for month in months[:at]],
        library=library,
    )


def index(rows: Sequence[Row], given: Given) -> str:
    """The list of months, latest first.

    Args:
        rows: EXPANSION_METRICS of the total over one month, oldest first.
        given: what the configuration says.
    """
    return _render("index.html.j2", rows=list(reversed(rows)), given=given, title="Expansion")


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
                words.plain(row["member"]),
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
    rows = tuple(
        (
            each.name,
            each.owner or words.NOTHING,
            f"{each.score:.0f}",
            words.share(each.probability, 0),
            words.money(each.mrr),
            ready_words.motion(each.motion),
            "; ".join(each.reasons),
        )
        for each in listed.accounts
    )
    parts = (ready_words.trusted, ready_words.learned, ready_words.left_out)
    said = " ".join(part for part in (words(listed) for words in parts) if part)
    head = ("Account", "Owner", "Score", "Chance in 3 m.", "MRR", "Offer", "Why")
    return (Figure("ready", "Who expands next", said, None, head, rows, wide=True),)


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


@cache
def _own(name: str) -> str:
    return (files(HERE) / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """A script's name in the page's policy."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def _policy(*texts: str) -> str:
    return (
        f"default-src 'none'; script-src {' '.join(map(_hash, texts))}; style-src 'unsafe-inline'; "
        f"img-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _templates() -> "jinja2.Environment":
    import jinja2  # noqa: PLC0415 - needed where a page is made again

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.publish", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    formats = ("money", "signed", "share", "points", "month", "plain", "counted")
    made.filters |= {name: getattr(words, name) for name in formats}
    made.filters |= {"key": key_of, "styled": _styled}
    return made


def _styled(chart: charts.Chart) -> Any:
    return palette.coloured(chart, palette.STYLED)


def _render(name: str, **values: Any) -> str:
    drawn = any(figure.chart for figure in values.get("figures", ()))
    texts = (values["library"], _own("page.js")) if drawn else ()
    context: Mapping[str, Any] = {
        **values,
        "words": words,
        "style": _own("style.css"),
        "scripts": texts,
        "config": palette.STYLED.config,
        "variables": palette.variables,
        "LIGHT": palette.LIGHT,
        "DARK": palette.DARK,
        "policy": _policy(*texts) if texts else "default-src 'none'; style-src 'unsafe-inline'",
    }
    return _templates().get_template(name).render(context)
