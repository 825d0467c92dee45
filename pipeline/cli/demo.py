"""`demo`: the whole pipeline on a simulated company, in a folder of its own.

Belongs here: the folder `data/demo/`, what is written into it, and what is said at the end. Simulated and real figures
never mix: the demo reads neither `.env` nor the environment.
"""

import json as json_module
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import click
import httpx

from pipeline.cli import here, terminal
from pipeline.cli.here import DEMO
from pipeline.cli.sandbox import of_company
from pipeline.months import add_months, key_of, months_between
from pipeline.settings import Settings

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
"""The demo's present: fixed, so that its figures never change."""
CONFIG = """\
# The demo's configuration: everything else is the default.
[company]
name = "Simulated company"

[fx]
source = "file"
file = "rates.csv"

[stripe]
requests_per_second = 2000   # the server is on this machine

[[alerts]]                   # beside the rules that ship
id = "expansion-floor"
kind = "floor"
threshold = 0.02

[schedule]
running = false
"""
EURO_LOW, EURO_STEPS = 10_600, (0, 40, 95, 60, 130, 180, 150, 90, 20, -35, 10, 70)
"""Dollars for a euro in ten-thousandths: the lowest, and what each month of the year adds."""


@click.command()
@of_company
@click.option("--serve", is_flag=True, help="Keep the simulated services running until Ctrl-C.")
@click.option("--open", "opened", is_flag=True, help="Open the report in the browser.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def demo(customers: int, months: int, seed: int, serve: bool, opened: bool, as_json: bool) -> None:
    """The whole pipeline on a simulated company: nothing is needed, nothing real is touched."""
    from pipeline.cli import report, running, work
    from pipeline.cli.sandbox import wait_for_interrupt
    from pipeline.sandbox.company.company import Company
    from pipeline.sandbox.server import SandboxServer

    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir(parents=True)
    _write_configuration(months)
    with terminal.watching() as watch:
        watch.begin(1 + running.SYNC_STEPS + running.MONTH_STEPS)
        watch.say("Simulating a company")
        company = Company(seed=seed, customers=customers, months=months, end=NOW)
        company.advance(NOW)
        watch.done()
        server = SandboxServer(company, slack_store=DEMO / "slack.json").start()
        try:
            settings = _settings(server.environment())
            synced, done, _ = work.night_in_process(settings, watch)
            slack = DEMO / "slack.html"
            slack.write_text(httpx.get(server.slack_page_url).text, encoding="utf-8")
        except BaseException:
            server.stop()
            raise
    page = report.written(settings).page
    if as_json:
        found = {"sync": synced.run_id, "months": done.run_id if done else None}
        told = {"warehouse": settings.warehouse_url, "report": str(page)}
        click.echo(json_module.dumps({**found, **told}))
    else:
        work.print_summary(settings)
        _print_next_steps(work.places(settings, page, f"{here.typed()} demo --open"))
    if opened:
        report.show(page)
    if serve:
        click.echo(f"Slack: {server.slack_page_url}   Ctrl-C stops the simulated services.")
        wait_for_interrupt()
    server.stop()


def _write_configuration(months: int) -> None:
    (DEMO / "pipeline.toml").write_text(CONFIG, encoding="utf-8")
    last = date(NOW.year, NOW.month, 1)
    rows = _rates(months_between(add_months(last, -months - 1), last))
    (DEMO / "rates.csv").write_text("month,currency,rate\n" + "".join(rows), encoding="utf-8")
    places = {**_places(), "PIPELINE_NOW": NOW.isoformat()}
    lines = [f"{name}={value}\n" for name, value in places.items()]
    (DEMO / "env").write_text("".join(lines), encoding="utf-8")


def _places() -> dict[str, str]:
    return {
        "DATA_DIR": DEMO.as_posix(),
        "WAREHOUSE_URL": f"sqlite:///{DEMO.as_posix()}/warehouse.db",
        "PIPELINE_CONFIG": f"{DEMO.as_posix()}/pipeline.toml",
        "DAGSTER_HOME": f"{DEMO.as_posix()}/dagster",
    }


def _rates(months: Iterable[date]) -> list[str]:
    found = []
    for month in months:
        rate = EURO_LOW + EURO_STEPS[month.month - 1] + 25 * (month.year % 4)
        found.append(f"{key_of(month)},eur,{rate // 10_000}.{rate % 10_000:04}\n")
    return found


def _settings(environment: Mapping[str, str]) -> Settings:
    """The demo's settings: nothing of the real environment is in them."""
    around = Path.cwd()
    inside = {name: _absolute(value, around) for name, value in _places().items()}
    return Settings.load({**environment, **inside}, cwd=around / DEMO)


def _absolute(value: str, around: Path) -> str:
    scheme = "sqlite:///"
    if value.startswith(scheme):
        return f"{scheme}{around / value.removeprefix(scheme)}"
    return str(around / value)


def _print_next_steps(places: Iterable[tuple[str, str]]) -> None:
    terminal.out().print(
        "The company is simulated and was read once, at the end: 30 days of events, as Stripe keeps "
        "them, and invoices for the time before. Evidence, above, counts how sure each account-month "
        "is; nights to come are exact.\n"
    )
    terminal.print_rows(
        (
            *places,
            ("Slack page", f"{DEMO}/slack.html"),
            ("Dagster", "make dev   (every run, table and check of this demo)"),
            (
                "Your company",
                f"{here.typed()} init   asks for your Stripe key, then: {here.typed()} run",
            ),
        )
    )
