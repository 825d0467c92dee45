"""`sync`, `run`, `backfill`: the data work.

Belongs here: which runs a command makes, and what it prints of them.
"""

import json as json_module
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import make_url

from pipeline import database, publish
from pipeline.assets import answered, night
from pipeline.cli import failing, here, running, terminal
from pipeline.errors import UnknownMonth
from pipeline.months import key_of, month_of
from pipeline.publish.render import render
from pipeline.settings import Settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
BACKFILL = "backfill"


@click.command()
@click.option("--full", is_flag=True, help="List everything again, whatever is known.")
@as_json
def sync(full: bool, as_json: bool) -> None:
    """Pull Stripe and the CRM, and fold what is new into the timeline."""
    settings = Settings.load()
    here.refuse_demo(settings)
    with terminal.watching() as watch:
        watch.begin(running.SYNC_STEPS)
        found = running.sync(settings, watch, full=full)
    due = running.due(settings)
    _show({"sync": _synced(found), "months_due": _keys(due)}, as_json, _sync_line(found, due))
    _refuse_unread(found)


@click.command()
@as_json
def run(as_json: bool) -> None:
    """The nightly job, now: sync, the months that are due, publish, alert."""
    settings = Settings.load()
    here.refuse_demo(settings)
    with terminal.watching() as watch, failing.told(settings, watch):
        synced, done, months = night_in_process(settings, watch)
    if done is None or months is None:
        _show(
            {"sync": _synced(synced), "months": None},
            as_json,
            "Nobody has paid yet: there is no month to compute. Type: expansion doctor",
        )
        _refuse_unread(synced)
        return
    told = {"sync": _synced(synced), "months": _keys(months), "alerts": _alerts(done)}
    if as_json:
        click.echo(json_module.dumps(told))
    else:
        print_summary(settings)
        index = Path(done.metadata["report"]["index"])
        terminal.print_rows(places(settings, index, f"{here.typed()} report --open"))
        _warn_dead(done)
    _refuse_unread(synced)


@click.command()
@click.option("--from", "first", required=True, help="First month, as 2025-01.")
@click.option("--to", "last", required=True, help="Last month, as 2026-10.")
@as_json
def backfill(first: str, last: str, as_json: bool) -> None:
    """Compute and publish a range of months again, in one run and without alerts."""
    settings = Settings.load()
    wanted = night.Range(month_of(first), month_of(last))
    _refuse_unknown(settings, wanted)
    with terminal.watching() as watch:
        watch.begin(running.MONTH_STEPS)
        done = running.months(settings, watch, wanted, BACKFILL)
    restated = done.metadata["warehouse"]["restated figures"]
    told = {"months": _keys(wanted), "restated_figures": restated, "run_id": done.run_id}
    line = f"{first} to {last}: {len(wanted.months)} months computed and published."
    if restated:
        line += f" {restated:,} figures of closed months changed: see the table restatement."
    _show(told, as_json, line)


def night_in_process(
    settings: Settings, watch: terminal.Watch
) -> tuple[running.Ran, running.Ran | None, night.Range | None]:
    """Both steps of a night: the sync, then one run over the months that are due."""
    watch.begin(running.SYNC_STEPS + running.MONTH_STEPS)
    synced = running.sync(settings, watch)
    months = running.due(settings)
    done = running.months(settings, watch, months) if months else None
    return synced, done, months


def print_summary(settings: Settings) -> None:
    """What a person wants to know first."""
    with here.reading(settings) as place:
        found = publish.summary(place.engine)
    terminal.out().print(render(found, settings.config.company.reporting_currency))


def places(settings: Settings, page: Path, opens: str) -> tuple[tuple[str, str], ...]:
    """Where the results are; `opens` is the command that opens the page."""
    url = make_url(settings.warehouse_url)
    sqlite = url.get_backend_name() == "sqlite"
    where = here.near(Path(str(url.database))) if sqlite else database.shown(settings.warehouse_url)
    kind = "SQLite" if sqlite else "PostgreSQL"
    return (
        ("Report", f"{here.near(page)}   (HTML; {opens} opens it)"),
        ("Warehouse", f"{where}   ({kind}; tables: docs/data-dictionary.md)"),
    )


def _refuse_unknown(settings: Settings, wanted: night.Range) -> None:
    with here.reading(settings) as place:
        calendar = place.calendar()
    if calendar.first_month is None:
        raise here.no_history(settings)
    if wanted.first > wanted.last:
        raise UnknownMonth(
            f"--from {key_of(wanted.first)} is later than --to {key_of(wanted.last)}. Swap them."
        )
    here.refuse_outside(calendar, wanted.first, wanted.last)


def _synced(found: running.Ran) -> dict[str, Any]:
    names = {"stripe": "stripe_records", "crm": "crm_records"}
    pulled = {key: found.metadata.get(name, {}) for key, name in names.items()}
    told: dict[str, Any] = {
        key: {"stored": each.get("stored", 0), "rejected": each.get("rejected", 0)}
        for key, each in pulled.items()
    }
    told["crm"]["failed"] = _unread(found)
    return told


def _unread(found: running.Ran) -> dict[str, str]:
    """CRM -> why it could not be read."""
    return dict(found.metadata.get("crm_records", {}).get(answered.FAILED, {}))


def _refuse_unread(found: running.Ran) -> None:
    """Leave with an error where a CRM could not be read, now that all else is done.

    Raises:
        SourceError: names the CRM and the reason.
    """
    error = answered.unread(_unread(found))
    if error is not None:
        raise error


def _alerts(done: running.Ran) -> dict[str, Any]:
    told: Mapping[str, Any] = done.metadata.get("slack_delivery", {})
    firing = done.metadata.get("alert_evaluation", {}).get("firing", 0)
    return {"firing": firing, **{key: told.get(key, 0) for key in ("sent", "undeliverable")}}


def _keys(months: night.Range | None) -> list[str] | None:
    return list(months.keys) if months else None


def _sync_line(found: running.Ran, due: night.Range | None) -> str:
    counts = _synced(found)
    line = f"{counts['stripe']['stored']:,} new records from Stripe, {counts['crm']['stored']:,} from the CRM."
    if due:
        line += f" Months due: {due.keys[0]} to {due.keys[1]}. Type: expansion run"
    return line


def _warn_dead(done: running.Ran) -> None:
    dead = done.metadata.get("slack_delivery", {}).get("undeliverable", 0)
    if dead:
        click.echo(
            f"warning: {dead} messages could not be delivered to Slack. Type: expansion doctor",
            err=True,
        )


def _show(told: Mapping[str, Any], as_json: bool, line: str) -> None:
    click.echo(json_module.dumps(told) if as_json else line)
