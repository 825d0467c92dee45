"""`experiment create` and `status`: who is not asked, and what asking added.

Belongs here: the commands and their words. What is drawn is in `pipeline.readiness.experiment`.
"""

import json as json_module
from decimal import Decimal
from typing import Any

import click
import polars as pl

from pipeline import publish
from pipeline.assets import experiments
from pipeline.cli import effects, here, program, terminal
from pipeline.errors import ConfigError
from pipeline.months import add_months, key_of, month_of
from pipeline.readiness import AHEAD
from pipeline.readiness.experiment import RANDOMISED
from pipeline.schemas import EXPERIMENT, EXPERIMENT_RESULT
from pipeline.settings import Settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")

MOST = 10_000_000


@click.group()
def experiment() -> None:
    """Hold-outs: what outreach to accounts that are ready really adds."""


@experiment.command()
@click.argument("name")
@click.option(
    "--share",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the accounts that nobody asks.",
)
@click.option("--first", type=click.IntRange(2, MOST), help="Only so many accounts, the readiest.")
@click.option("--month", help="The month whose scores choose, as 2026-10; default: the newest.")
@as_json
def create(name: str, share: float, first: int | None, month: str | None, as_json: bool) -> None:
    """Draw who is not asked in the experiment NAME, and say which difference it can find."""
    wanted = month_of(month) if month else None
    with here.reading(Settings.load()) as place:
        here.refuse_outside(place.calendar(), wanted)
        row = experiments.create(place, name, share, first, wanted).to_dicts()[0]
    if as_json:
        click.echo(json_module.dumps(_plain(row)))
        return
    click.echo(
        f"{name}: {row['outreach']:,} accounts with outreach, {row['held_out']:,} without, by the scores of "
        f"{key_of(row['month'])}.\n{_power(row)}\n"
        f"Who is held out: expansion export experiment_member. Do not ask them before "
        f"{key_of(add_months(row['month'], AHEAD + 1))}."
    )


@experiment.command()
@click.argument("name", required=False)
@as_json
def status(name: str | None, as_json: bool) -> None:
    """What each experiment, or NAME, has shown so far; and programs that have none, as an estimate."""
    settings = Settings.load()
    with here.reading(settings) as place:
        kept = publish.published(place.engine, EXPERIMENT.name).sort("month", "experiment")
        told = publish.published(place.engine, EXPERIMENT_RESULT.name)
        every = program.estimates(place, told)
    estimates = [each for each in every if name in {None, each["program"]}]
    if name is not None:
        kept = kept.filter(experiment=name)
        if kept.is_empty() and not estimates:
            raise ConfigError(f'There is no experiment "{name}". See: expansion experiment status')
    drawn = told.filter(design=RANDOMISED)
    rows = [
        _with_return(
            {**row, "results": _latest(drawn.filter(experiment=row["experiment"]))}, settings
        )
        for row in kept.to_dicts()
    ]
    if as_json:
        click.echo(json_module.dumps([_plain(row) for row in (*rows, *estimates)]))
        return
    if not rows:
        click.echo("There is no experiment yet. Type: expansion experiment create NAME")
    for said in (*map(_said, rows), *map(program.said, estimates)):
        terminal.out().print(said, highlight=False, markup=False)


def _with_return(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The row with what its programs cost and brought; without a program both are null."""
    name = row["experiment"]
    programs = [each for each in settings.config.readiness.programs if each.experiment == name]
    if not programs:
        return {**row, "cost": None, "arr": None}
    cost = float(sum((each.cost for each in programs), Decimal(0)))
    return {**row, "cost": cost, "arr": effects.arr(row["results"], row["outreach"])}


def _latest(told: pl.DataFrame) -> list[dict[str, Any]]:
    return told.filter(pl.col("month") == pl.col("month").max()).sort("measure").to_dicts()


def _said(row: dict[str, Any]) -> str:
    head = (
        f"{row['experiment']}: {row['outreach']:,} with outreach, {row['held_out']:,} without, since "
        f"{key_of(row['month'])}. {_power(row)}"
    )
    if not row["results"]:
        return f"{head}\n  Nothing is known before {key_of(add_months(row['month'], 1))} is closed."
    last = add_months(row["month"], AHEAD)
    lines = [f"  {effects.effect(each, last)}" for each in row["results"]]
    return "\n".join([head, *lines, *([f"  {effects.returned(row)}"] if row["arr"] else [])])


def _power(row: dict[str, Any]) -> str:
    if row["base_rate"] is None:
        return "Which difference it can find is not known: the score has no record yet."
    if row["detectable"] is None:
        return f"With {row['base_rate']:.1%} that expand anyway it is too small to find any difference."
    return (
        f"With {row['base_rate']:.1%} that expand anyway it finds a difference of {row['detectable'] * 100:.1f} points "
        f"four times of five."
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Months as 2026-10, instants as ISO."""
    found = dict(row)
    if found.get("created_at"):
        found["created_at"] = f"{found['created_at']:%Y-%m-%dT%H:%M:%SZ}"
    found |= {key: key_of(found[key]) for key in ("month", "over") if key in found}
    if "results" in found:
        found["results"] = [{**each, "month": key_of(each["month"])} for each in found["results"]]
    return found
