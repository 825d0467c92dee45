"""The page as one HTML text: nothing in it is loaded from anywhere.

Belongs here: putting figures, cards and the template together. The page's policy lets the browser run the
two scripts that it names by their hash, and load nothing; text of others is escaped by the template.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pipeline.months import key_of
from pipeline.publish.page import charts, palette, words
from pipeline.publish.page.cards import figures
from pipeline.publish.page.figures import Month
from pipeline.publish.page.given import Given
from pipeline.publish.page.past import Row
from pipeline.publish.page.tiles import tiles

if TYPE_CHECKING:
    import jinja2

HERE = "pipeline.publish.page"


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
