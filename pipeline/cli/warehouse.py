"""`db`: the warehouse's tables.

Belongs here: bringing them to this version, and making what they hold anew from the lake. Does not belong here: copying
them (`backup`).
"""

import click
from sqlalchemy.exc import OperationalError

from pipeline import database
from pipeline.assets import rebuild
from pipeline.cli.backup import backup
from pipeline.errors import ConfigError
from pipeline.settings import Settings

RESTORE = "restore"


@click.group()
def db() -> None:
    """The warehouse's tables."""


db.add_command(backup)


@db.command()
def upgrade() -> None:
    """Bring the warehouse's tables to this version."""
    url = Settings.load().warehouse_url
    shown = database.shown(url)
    try:
        needed = database.pending(url)
        if needed:
            database.upgrade(url)
    except OperationalError as error:
        raise ConfigError(
            f"The warehouse at {shown} does not answer ({type(error.orig).__name__}). "
            f"Check WAREHOUSE_URL."
        ) from None
    done = "has the tables of this version now" if needed else "is up to date"
    click.echo(f"{shown} {done}.")


@db.command()
def restore() -> None:
    """Compute everything anew from the raw records in the lake; asks neither Stripe nor the CRM."""
    from pipeline.cli import running, terminal

    settings = Settings.load()
    if database.pending(settings.warehouse_url):
        database.upgrade(settings.warehouse_url)
    with terminal.watching() as watch:
        watch.begin(running.FOLD_STEPS + running.MONTH_STEPS)
        rebuild.forget_computed(settings)
        running.fold(settings, watch)
        months = rebuild.every_month(settings)
        done = running.months(settings, watch, months, RESTORE) if months else None
    if months is None or done is None:
        click.echo("The raw records tell of nobody who has paid: there is no month to compute.")
        return
    first, last = months.keys
    click.echo(f"{first} to {last}: {len(months.months)} months made anew from the raw records.")
