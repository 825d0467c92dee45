"""`alerts backtest`: when each rule would have spoken, and how often chance alone makes it speak.

Belongs here: showing it. Replaying is in `pipeline.alerts.backtest`.
"""

import json as json_module
from typing import Any

import click
import polars as pl
from rich.table import Table

from pipeline.alerts import Backtest, words
from pipeline.alerts import backtest as replay
from pipeline.alerts.delivery.beside import beside
from pipeline.alerts.delivery.frames import closed_metrics
from pipeline.alerts.kinds import MONTHLY
from pipeline.cli import here, terminal
from pipeline.cli.alerts.rules import in_force, named
from pipeline.config import AlertRule
from pipeline.database import reading
from pipeline.errors import ConfigError
from pipeline.months import key_of
from pipeline.settings import Settings

DRAWS = 100


@click.command()
@click.option("--rule", "rule_id", help="Only this rule.")
@click.option(
    "--draws",
    default=DRAWS,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="Histories in another order of months, for the share of false alarms; 0: none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def backtest(rule_id: str | None, draws: int, as_json: bool) -> None:
    """Replay the rules over every closed month: when each would have fired. Nothing is stored or sent."""
    settings = Settings.load()
    rules = (_replayable(named(settings, rule_id)),) if rule_id else in_force(settings)
    with here.reading(settings) as place:
        calendar = place.calendar()
        with reading(place.engine) as connection:
            metrics = closed_metrics(connection, rules, calendar)
            more = beside(connection, rules, calendar)
    if metrics.is_empty():
        click.echo("No closed month is published yet. Type: expansion run")
        return
    with terminal.watching() as watch:
        watch.begin(1)
        watch.say(f"Replaying {len(rules)} rules over {draws + 1} histories")
        found = replay(metrics, rules, more, draws)
    if as_json:
        click.echo(json_module.dumps(_told(found)))
        return
    _show(found, {rule.id: rule for rule in rules}, metrics, settings)


def _replayable(rule: AlertRule) -> AlertRule:
    if rule.kind not in MONTHLY:
        raise ConfigError(
            f'The rule "{rule.id}" is of kind {rule.kind}, which judges no closed month: it has no past to replay.'
        )
    return rule


def _told(found: Backtest) -> dict[str, Any]:
    episodes = found.episodes.with_columns(pl.col("fired", "ended").dt.strftime("%Y-%m"))
    return {"episodes": episodes.to_dicts(), "rates": found.rates.to_dicts()}


def _show(
    found: Backtest, rules: dict[str, AlertRule], metrics: pl.DataFrame, settings: Settings
) -> None:
    currency = settings.config.company.reporting_currency
    months = metrics["month"].unique().sort()
    span = f"{key_of(months[0])} to {key_of(months[-1])}"
    click.echo(f"{len(months)} closed months, {span}.\n")
    if found.episodes.is_empty():
        click.echo("No rule would have fired.")
    else:
        terminal.out().print(_episodes(found.episodes, rules, currency))
    click.echo("")
    terminal.out().print(_rates(found.rates))
    click.echo(
        "\nFalse alarms: of the months that a member is judged in, the share that sends an alert when the same months "
        "stand in another order, where no decline is left to find."
    )


def _episodes(rows: pl.DataFrame, rules: dict[str, AlertRule], currency: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("fired", "ended", "rule", "member"):
        table.add_column(name, no_wrap=name != "member")
    for name in ("figure", "expected", "chance", "short"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows.iter_rows(named=True):
        rule = rules[row["rule_id"]]
        table.add_row(
            key_of(row["fired"]),
            key_of(row["ended"]) if row["ended"] else "still",
            rule.id,
            "total" if row["dimension"] == "total" else f"{row['dimension']} {row['member']}",
            words.figure(rule, row["observed"], currency),
            "-" if row["expected"] is None else words.figure(rule, row["expected"], currency),
            "-" if row["p"] is None else words.chance(row["p"]),
            "-" if row["missing"] is None else words.money(row["missing"], currency),
        )
    return table


def _rates(rows: pl.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("rule", no_wrap=True)
    for name in ("months judged", "too few to judge", "alerts", "false alarms"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows.iter_rows(named=True):
        share = row["false_share"]
        table.add_row(
            row["rule_id"],
            *(f"{row[name]:,}" for name in ("judged", "insufficient", "fired")),
            "-" if share is None else f"{share:.1%}",
        )
    return table
