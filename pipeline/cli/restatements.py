"""`restatements`: which closed months changed after they were published, and why.

Belongs here: reading and showing the table. How versions come about is in `pipeline.publish.restatements`.
"""

import json as json_module
from datetime import date

import click
import polars as pl
from rich.table import Table

from pipeline import publish
from pipeline.cli import here, terminal
from pipeline.months import key_of, month_of
from pipeline.schemas import EXPANSION_METRICS, RESTATEMENT
from pipeline.settings import Settings

VERSION = ("month", "version")
HEADLINES = ("ending_mrr", "expansion_mrr", "expansion_rate", "nrr", "grr")


@click.command()
@click.option("--month", help="Only this month, as 2026-03.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Every figure of every member, not only the total's headlines.",
)
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def restatements(month: str | None, everything: bool, as_json: bool) -> None:
    """Closed months whose figures changed after they were published: what, from what to what, and why.

    The cause is evidence, link, or code: another version of the program, or a setting of your own.
    """
    wanted = month_of(month) if month else None
    found = _read(wanted)
    if as_json:
        rows = found.with_columns(
            pl.col("month").dt.strftime("%Y-%m"), pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        )
        click.echo(json_module.dumps(rows.to_dicts()))
        return
    if found.is_empty():
        click.echo(f"No figure of {month or 'a closed month'} changed after it was published.")
        return
    shown = (
        found
        if everything
        else found.filter(dimension="total").filter(pl.col("metric").is_in(HEADLINES))
    )
    terminal.out().print(_table(shown))
    for line in _brought(shown):
        click.echo(line)
    click.echo(_rest(found, shown, wanted))


def _read(month: date | None) -> pl.DataFrame:
    with here.reading(Settings.load()) as place:
        here.refuse_outside(place.calendar(), month)
        return publish.published(place.engine, RESTATEMENT.name, [month] if month else None)


def _table(rows: pl.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("month", "version", "published", "cause", "member", "figure"):
        table.add_column(name, no_wrap=name != "member")
    for name in ("before", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows.iter_rows(named=True):
        whose = (
            row["member"] if row["dimension"] == "total" else f"{row['dimension']} {row['member']}"
        )
        table.add_row(
            *(key_of(row["month"]), str(row["version"]), f"{row['at']:%Y-%m-%d}", row["cause"]),
            *(whose, row["metric"]),
            *(_figure(row["metric"], row[end]) for end in ("old", "new")),
        )
    return table


def _brought(rows: pl.DataFrame) -> list[str]:
    """What brought each version, where ids tell that."""
    told = rows.select(*VERSION, "evidence").drop_nulls().unique().sort(VERSION)
    return [f"{key_of(month)} version {n} was brought by {ids}" for month, n, ids in told.rows()]


def _figure(metric: str, value: float | None) -> str:
    if value is None:
        return "-"
    kinds = {column.name: column.kind for column in EXPANSION_METRICS.columns}
    kind = kinds[metric.removesuffix("_3m").removesuffix("_12m")]
    if kind == "ratio":
        return f"{value:.2%}"
    return f"{value:,.2f}" if kind == "money" else f"{value:,.0f}"


def _rest(found: pl.DataFrame, shown: pl.DataFrame, month: date | None) -> str:
    versions = found.select(VERSION).n_unique()
    months = f"{found['month'].n_unique()} months" if month is None else key_of(month)
    line = f"{found.height:,} figures of {months} changed, in {versions} versions."
    if shown.height < found.height:
        line += f" Shown are the total's headlines ({shown.height:,}); --all shows the rest, --json as data."
    return line
