"""`sandbox serve`: the simulated company behind HTTP, for one's own experiments.

Belongs here: starting it and saying how to reach it.
"""

import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from pipeline.sandbox.server import Crm

PORT = 12111
F = TypeVar("F", bound=Callable[..., object])


def of_company(command: F) -> F:
    """The options that say which company is simulated: `--customers`, `--months`, `--seed`."""
    customers = click.option(
        "--customers",
        default=400,
        show_default=True,
        type=click.IntRange(1, 1_000_000),
        help="Accounts that sign up.",
    )
    months = click.option(
        "--months",
        default=24,
        show_default=True,
        type=click.IntRange(1, 240),
        help="Months of history.",
    )
    seed = click.option("--seed", default=7, show_default=True, help="Everything follows from it.")
    return customers(months(seed(command)))


@click.group()
def sandbox() -> None:
    """The simulated company."""


@sandbox.command()
@of_company
@click.option(
    "--crm",
    type=click.Choice(["hubspot", "salesforce", "both", "none"]),
    default="hubspot",
    show_default=True,
    help="Whose variables are printed.",
)
@click.option(
    "--crm-life",
    is_flag=True,
    help="A CRM as people keep it: duplicates, stray deals, odd domains.",
)
@click.option("--port", default=PORT, show_default=True, help="0 takes a free one.")
def serve(customers: int, months: int, seed: int, crm: "Crm", crm_life: bool, port: int) -> None:
    """Serve Stripe, HubSpot, Salesforce and Slack of a simulated company until Ctrl-C."""
    click.echo(
        f"Simulating a company of {customers:,} customers over {months} months ...", err=True
    )
    from pipeline.sandbox.company import CRM_TURNS, FEATURES, SALESFORCE_IDS, Company
    from pipeline.sandbox.company.crm.addresses import AGENCIES
    from pipeline.sandbox.server import SandboxServer

    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    features = FEATURES
    if crm_life:
        features |= CRM_TURNS | ({SALESFORCE_IDS} if crm == "salesforce" else frozenset())
    company = Company(seed=seed, customers=customers, months=months, end=end, features=features)
    company.advance(end)
    with SandboxServer(company, port, crm=crm) as server:
        for name, value in server.environment().items():
            click.echo(f"{name}={value}")
        click.echo("Write the lines above into .env of an empty folder. Ctrl-C stops.", err=True)
        if crm_life:
            shared = ", ".join(f'"{each}"' for each in AGENCIES)
            click.echo(f"Agencies, for pipeline.toml: crm.shared_domains = [{shared}]", err=True)
        click.echo(f"Slack page: {server.slack_page_url}", err=True)
        click.echo("Ready.", err=True)
        wait_for_interrupt()


def wait_for_interrupt() -> None:
    """Return when the person presses Ctrl-C."""
    try:
        # Polars handles interrupts from when it is loaded, and so that what is waited for goes on: here, for ever.
        signal.siginterrupt(signal.SIGINT, True)
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
