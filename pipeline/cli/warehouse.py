"""`db`: the warehouse's tables.

Belongs here: bringing them to this version.
"""

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from pipeline import database
from pipeline.errors import ConfigError
from pipeline.settings import Settings


@click.group()
def db() -> None:
    """The warehouse's tables."""


@db.command()
def upgrade() -> None:
    """Bring the warehouse's tables to this version."""
    url = Settings.load().warehouse_url
    shown = make_url(url).render_as_string()
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
