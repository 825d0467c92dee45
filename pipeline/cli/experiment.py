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
from pipeline.assets.place import Place
from pipeline.cli import terminal
from pipeline.errors import ConfigError
from pipeline.months import add_months, key_of, month_of
from pipeline.readiness import AHEAD
from pipeline.readiness.experiment import MRR_MEASURE, SHARE_MEASURE, gain
from pipeline.schemas import EXPERIMENT, EXPERIMENT_RESULT
from pipeline.settings import Settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


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
@click.option("--first", type=click.IntRange(min=2), help="Only so many accounts, the readiest.")
@click.option("--month", help="The month whose scores choose, as 2026-10; default: the newest.")
@as_json
def create(name: str, share: float, first: int | None, month: str | None, as_json: bool) -> None:
    """Draw who is not asked in the experiment NAME, and say which difference it can find."""
    place = Place(Settings.load())
    try:
        row = experiments.create(
            place, name, share, first, month_of(month) if month else None
        ).to_dicts()[0]
    finally:
        place.close()
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
    """What each experiment, or NAME, has shown so far."""
    settings = Settings.load()
    place = Place(settings)
    try:
        kept = publish.published(place.engine, EXPERIMENT.name).sort("month", "experiment")
        told = publish.published(place.engine, EXPERIMENT_RESULT.name)
    finally:
        place.close()
    if name is not None:
        kept = kept.filter(experiment=name)
        if kept.is_empty():
            raise ConfigError(f'There is no experiment "{name}". See: expansion experiment status')
    rows = [
        _with_return(
            {**row, "results": _latest(told.filter(experiment=row["experiment"]))}, settings
        )
        for row in kept.to_dicts()
    ]
    if as_json:
        click.echo(json_module.dumps([_plain(row) for row in rows]))
        return
    if not rows:
        click.echo("There is no experiment yet. Type: expansion experiment create NAME")
    for row in rows:
        terminal.out().print(_said(row), highlight=False, markup=False)


def _with_return(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The row with what its programs cost and brought; without a program both are null."""
    name = row["experiment"]
    programs = [each for each in settings.config.readiness.programs if each.experiment == name]
    cost = sum((each.cost for each in programs), Decimal(0)) if programs else None
    measured = next((each for each in row["results"] if each["measure"] == MRR_MEASURE), None)
    gained = None
    if cost is not None and measured is not None and measured["effect"] is not None:
        gained = gain(measured["effect"], measured["low"], measured["high"], row["outreach"])
    return {**row, "cost": None if cost is None else float(cost), "arr": gained}


def _latest(told: pl.DataFrame) -> list[dict[str, Any]]:
    return told.filter(pl.col("month") == pl.col("month").max()).sort("measure").to_dicts()


def _said(row: dict[str, Any]) -> str:
    head = (
        f"{row['experiment']}: {row['outreach']:,} with outreach, {row['held_out']:,} without, since "
        f"{key_of(row['month'])}. {_power(row)}"
    )
    if not row["results"]:
        return f"{head}\n  Nothing is known before {key_of(add_months(row['month'], 1))} is closed."
    lines = [f"  {_effect(each, row)}" for each in row["results"]]
    return "\n".join([head, *lines, *([f"  {_return(row)}"] if row["arr"] else [])])


def _return(row: dict[str, Any]) -> str:
    value, low, high = row["arr"]
    if not row["cost"]:
        return f"Outreach added {value:,.0f} of ARR ({low:,.0f} to {high:,.0f}) at no cost."
    return (
        f"Outreach added {value:,.0f} of ARR ({low:,.0f} to {high:,.0f}) for {row['cost']:,.0f}: "
        f"{value / row['cost']:.1f} times its cost ({low / row['cost']:.1f} to {high / row['cost']:.1f})."
    )


def _effect(result: dict[str, Any], row: dict[str, Any]) -> str:
    """The difference in words, with how far it is known."""
    whole = result["month"] >= add_months(row["month"], AHEAD)
    until = f"up to {key_of(result['month'])}" + ("" if whole else ", not over yet")
    if result["effect"] is None:
        return f"{result['measure']}: no part of the list has accounts in both arms."
    if result["measure"] == SHARE_MEASURE:
        values = [f"{result[end] * 100:+.1f}" for end in ("effect", "low", "high")]
        sides = f"{result['outreach']:.1%} against {result['held_out']:.1%} expanded"
        unit = " points"
    else:
        values = [f"{result[end]:+,.2f}" for end in ("effect", "low", "high")]
        sides = (
            f"{result['outreach']:,.2f} against {result['held_out']:,.2f} of MRR gained an account"
        )
        unit = ""
    sure = result["low"] > 0 or result["high"] < 0
    judged = "" if sure else "; this may be chance"
    return f"{sides}: {values[0]}{unit} ({values[1]} to {values[2]}), {until}{judged}."


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
    found["month"] = key_of(found["month"])
    if "results" in found:
        found["results"] = [{**each, "month": key_of(each["month"])} for each in found["results"]]
    return found
