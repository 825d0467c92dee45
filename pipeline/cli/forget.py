"""`forget`: a person goes, the amounts stay.

Belongs here: asking once, and what is said.
"""

import click

from pipeline.assets import forgetting, report
from pipeline.assets.place import Place
from pipeline.settings import Settings


@click.command()
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(customer: str, yes: bool) -> None:
    """Erase a person from lake, warehouse, outbox and report, keeping the amounts.

    CUSTOMER is a Stripe customer id, or an e-mail address.
    """
    settings = Settings.load()
    if not yes:
        click.confirm("This cannot be taken back. Go on?", abort=True, err=True)
    place = Place(settings)
    try:
        done = forgetting.forget(place, customer)
        report.written(place)
    finally:
        place.close()
    click.echo(
        f"{', '.join(done.customers)}: {done.records:,} records hold nothing personal any more. The figures are the "
        f"same. Backups, Slack and Stripe itself are not touched: see docs/operate.md."
    )
