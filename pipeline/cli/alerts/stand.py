"""`alerts status`: how alerts stand.

Belongs here: showing it. Reading it is in `pipeline.alerts.delivery.standing`.
"""

import json as json_module
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click
import polars as pl
from rich.table import Table

from pipeline.alerts import words
from pipeline.alerts.delivery.standing import Standing, standing
from pipeline.alerts.kinds import MONTHLY
from pipeline.alerts.kinds.trust import FRESH
from pipeline.cli import here, terminal
from pipeline.cli.alerts.rules import in_force
from pipeline.config import AlertRule
from pipeline.months import key_of
from pipeline.settings import Settings

QUIET = ("ok",)
UNFIT = ("insufficient", "no_data")
"""States in which there is no figure to be held against anything, whatever came out of too few accounts."""


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every rule and member, quiet ones too.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def status(everything: bool, as_json: bool) -> None:
    """Which rules fire, which are silenced, and which messages did not reach Slack."""
    settings = Settings.load()
    with here.reading(settings) as place:
        found = standing(place.engine, place.calendar())
    idle = _idle(found, settings)
    if as_json:
        told = _told(found) | {"not_judged": [rule.id for rule in idle]}
        click.echo(json_module.dumps(told, default=_plain))
        return
    _show_states(found, settings, everything)
    for why in found.held:
        click.echo(f"No rule is judged now. {why}")
    _show_idle(idle)
    _show_paces(found, settings)
    _show_silences(found, ZoneInfo(settings.config.company.timezone))
    _show_messages(found)


def _told(found: Standing) -> dict[str, Any]:
    states = found.states
    return {
        "states": states.to_dicts(),
        "open": states.filter(_open()).to_dicts(),
        "held": found.held,
        "silences": found.silences.to_dicts(),
        "messages": found.messages,
        "paces": found.paces,
        "undelivered": found.undelivered,
    }


def _idle(found: Standing, settings: Settings) -> list[AlertRule]:
    """The rules that have nothing to judge, after nights that judged others."""
    seen = set(found.states["rule_id"])
    dimensions = settings.config.dimensions.names

    def unseen(rule: AlertRule) -> bool:
        if rule.kind == "data_quality":
            return rule.member is not None and rule.member not in {*found.checks, FRESH}
        return rule.id not in seen and rule.kind in MONTHLY and rule.dimension in dimensions

    return [rule for rule in in_force(settings) if seen and unseen(rule)]


def _show_idle(idle: Sequence[AlertRule]) -> None:
    for rule in idle:
        if rule.kind == "data_quality":
            click.echo(f'{rule.id} watches no check: none that is named "{rule.member}" has run.')
            continue
        whose = f'{rule.dimension} "{rule.member}"' if rule.member else rule.dimension
        click.echo(
            f"{rule.id} was never judged: it is newer than the last night, or no figures of {whose} are published."
        )


def _show_paces(found: Standing, settings: Settings) -> None:
    """What the open month is heading for, of rules that are in force."""
    pacing = {rule.id for rule in in_force(settings) if rule.kind == "pacing"}
    currency = settings.config.company.reporting_currency
    for row in found.paces:
        rule_id, dimension, member = row["fingerprint"].split("|", 2)
        if rule_id not in pacing:
            continue
        whose = "total" if dimension == "total" else f"{dimension} {member}"
        said = f"{rule_id}, {whose}: {key_of(row['month'])} has {words.money(row['observed'], currency)} so far"
        if row["baseline"] is None:
            click.echo(f"{said}; there is too little of it, or of earlier months, to tell more.")
            continue
        heading, usual = (words.money(row[name], currency) for name in ("threshold", "baseline"))
        by = "" if row["effect"] is None else f" ({words.effect(row['effect'])})"
        click.echo(f"{said}, heading for {heading} where {usual} is usual{by}.")


def _open() -> pl.Expr:
    return pl.col("episode_id").is_not_null() & (pl.col("state") != "pending")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _show_states(found: Standing, settings: Settings, everything: bool) -> None:
    states = found.states
    if states.is_empty():
        click.echo("No night has judged a rule yet. Type: expansion run")
        return
    counted = ", ".join(
        f"{count} {state}" for state, count in states.group_by("state").len().sort("state").rows()
    )
    month = states["last_month"].max()
    judged = f" (closed months up to {key_of(month)})" if isinstance(month, date) else ""
    click.echo(f"{states.height} rules and members watched{judged}: {counted}.")
    shown = states if everything else states.filter(~pl.col("state").is_in(QUIET))
    if shown.is_empty():
        return
    rules = {rule.id: rule for rule in in_force(settings)}
    table = Table(box=None, pad_edge=False)
    for name in ("rule", "member", "state", "since"):
        table.add_column(name, no_wrap=name != "member")
    for name in ("figure", "expected", "chance"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in shown.iter_rows(named=True):
        table.add_row(*_cells(row, rules.get(row["rule_id"]), settings))
    terminal.out().print(table)


def _cells(row: dict[str, Any], rule: AlertRule | None, settings: Settings) -> list[str]:
    currency = settings.config.company.reporting_currency
    state = f"{row['state']}, acknowledged" if row["acknowledged"] else row["state"]

    def figure(value: float | None) -> str:
        if value is None or rule is None or row["state"] in UNFIT:
            return "-"
        return words.figure(rule, value, currency)

    return [
        row["rule_id"],
        "total" if row["dimension"] == "total" else f"{row['dimension']} {row['member']}",
        state,
        key_of(row["since_month"]) if row["since_month"] else "-",
        figure(row["observed"]),
        figure(row["expected"]),
        "-" if row["p"] is None else words.chance(row["p"]),
    ]


def _show_silences(found: Standing, zone: ZoneInfo) -> None:
    for row in found.silences.iter_rows(named=True):
        whose = f" on {row['member']}" if row["member"] else ""
        # It ends as the next day begins; half a day before that is the last day, whatever the clocks do at night.
        last = row["until"].astimezone(zone) - timedelta(hours=12)
        click.echo(
            f"Silent: {row['rule_id']}{whose} until the end of {last:%Y-%m-%d}, "
            f"by {row['created_by']}: {row['reason']}"
        )


def _show_messages(found: Standing) -> None:
    if not found.messages:
        click.echo("Messages: none yet.")
        return
    counted = ", ".join(f"{count} {status}" for status, count in found.messages.items())
    click.echo(f"Messages: {counted}.")
    for row in found.undelivered:
        why = f": {row['last_error']}" if row["last_error"] else ""
        click.echo(
            f"  {row['status']}: {row['kind']} of {row['created_at']:%Y-%m-%d} to {row['channel']}{why}"
        )
