"""`report`: the pages that people open, from what the warehouse holds.

Belongs here: which months, where the files go, and opening one of them. What is on a page: `pipeline.publish.page`.
"""

import json as json_module
import webbrowser
from contextlib import nullcontext
from datetime import date
from pathlib import Path

import click

from pipeline.assets import report as pages
from pipeline.cli import here, outside
from pipeline.errors import UnknownMonth
from pipeline.months import key_of, month_of
from pipeline.publish.page import Written, write_report
from pipeline.settings import Settings


@click.command()
@click.option("--month", help="Only this month, as 2026-10; else every month.")
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--to",
    "target",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to; else report/ in DATA_DIR.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def report(month: str | None, opened: bool, target: Path | None, as_json: bool) -> None:
    """Write the report: an HTML file a month and an index, which need no network."""
    settings = Settings.load()
    wanted = month_of(month) if month else None
    done = written(settings, target, wanted)
    page = _page(done, wanted, settings)
    if as_json:
        told = {"page": str(page), "index": str(done.index), "written": done.changed}
        click.echo(json_module.dumps({**told, "months": [key_of(each) for each in done.pages]}))
    else:
        click.echo(str(page))
        click.echo(f"{done.changed} files written, the others said the same.", err=True)
    if opened:
        show(page)


def written(settings: Settings, target: Path | None = None, month: date | None = None) -> Written:
    """Write the page of `month` (null: of all months) to `target` (null: the usual folder)."""
    named = outside.writing(target) if target else nullcontext()
    with here.reading(settings) as place, named:
        here.refuse_outside(place.calendar(), month)
        return write_report(
            place.engine,
            target or pages.folder(place),
            pages.given(place),
            [month] if month else None,
            kept=pages.folder(place),
        )


def show(page: Path) -> None:
    """Open a page in the browser, or say that there is none."""
    if not webbrowser.open(page.resolve().as_uri()):
        click.echo("warning: no browser was found; open the file yourself.", err=True)


def _page(done: Written, month: date | None, settings: Settings) -> Path:
    """The page to look at: the month that was asked for, else the latest closed one.

    Raises:
        ConfigError: the warehouse holds no month.
        UnknownMonth: it does not hold this one.
    """
    if done.latest is None:
        raise here.no_history(settings)
    if month is None:
        return done.page
    if month not in done.pages:
        raise UnknownMonth(
            f"The warehouse has no figures of {key_of(month)}. Type: expansion backfill --from "
            f"{key_of(month)} --to {key_of(month)}"
        )
    return done.pages[month]
