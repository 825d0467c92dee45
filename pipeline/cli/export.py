"""`export`: any table as CSV or Parquet.

Belongs here: which table and months are asked for, and where the file goes.
"""

import errno
import sys
from pathlib import Path

import click
import polars as pl

from pipeline.cli import here, outside
from pipeline.errors import ConfigError, UnknownMonth
from pipeline.months import month_of
from pipeline.publish import export as exported
from pipeline.publish.export import Form
from pipeline.schemas import PUBLISHED, TABLES
from pipeline.settings import Settings

SUFFIXES: dict[str, Form] = {".csv": "csv", ".parquet": "parquet"}


@click.command()
@click.argument("table", required=False)
@click.option(
    "--to",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A .csv or .parquet file; else CSV on stdout.",
)
@click.option("--first", help="Leave out months before this one, as 2025-01.")
@click.option("--last", help="Leave out months after this one.")
def export(table: str | None, target: Path | None, first: str | None, last: str | None) -> None:
    """Write TABLE as CSV or Parquet, money in major units. Without TABLE: which tables there are."""
    if table is None:
        for each in PUBLISHED:
            click.echo(f"{each.name:25} {each.grain}")
        return
    if table not in TABLES:
        raise ConfigError(f"There is no table '{table}'. Type: expansion export")
    form = SUFFIXES.get(target.suffix) if target else "csv"
    if form is None:
        raise ConfigError(f"{target} ends neither in .csv nor in .parquet. Choose one of them.")
    months = [month_of(each) if each else None for each in (first, last)]
    if months[0] and months[1] and months[0] > months[1]:
        raise UnknownMonth(f"--first {first} is later than --last {last}. Swap them.")
    with here.reading(Settings.load()) as place:
        rows = exported.export(place.lake, place.engine, TABLES[table], *months)
        if target is None:
            with outside.writing(None):
                _print(exported.as_text(rows))
            return
        with outside.writing(target):
            exported.write(rows, target, form)
    count = (
        pl.scan_parquet(target) if form == "parquet" else pl.scan_csv(target, infer_schema=False)
    )
    click.echo(
        f"{count.select(pl.len()).collect().item():,} rows of {table} in {target}.", err=True
    )


def _print(rows: pl.LazyFrame) -> None:
    """CSV on stdout. A reader that has seen enough, as `head`, is no error of a place."""
    try:
        rows.sink_csv(sys.stdout.buffer)
    except OSError as error:
        if "Broken pipe" not in str(error):  # Polars gives no number.
            raise
        raise BrokenPipeError(errno.EPIPE, "Broken pipe") from error
