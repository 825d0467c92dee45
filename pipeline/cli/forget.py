"""`forget`: a person goes, the amounts stay.

Belongs here: asking once, when it is known who is meant, and what is said.
"""

import click

from pipeline.assets import forgetting, forgotten, report
from pipeline.cli import here
from pipeline.settings import Settings


@click.command()
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(customer: str, yes: bool) -> None:
    """Erase a person from lake, warehouse, outbox and report, keeping the amounts.

    CUSTOMER is a Stripe customer id, or an e-mail address.
    """
    with here.reading(Settings.load()) as place:
        meant = ", ".join(sorted(forgotten.customers(place, customer)))
        if not yes and not click.confirm(f"{meant}: this cannot be taken back. Go on?", err=True):
            click.echo("Nothing was changed.", err=True)
            raise click.exceptions.Exit(1)
        done = forgetting.forget(place, customer)
        report.written(place)
    click.echo(
        f"{', '.join(done.customers)}: {done.records:,} records hold nothing personal any more. The figures are the "
        f"same. Backups, Slack and Stripe itself are not touched: see docs/operate.md."
    )
