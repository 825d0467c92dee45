"""Where a run works: its settings, its warehouse, its lake, its calendar.

Belongs here: the one resource that assets get. It opens the warehouse at the first use, not when Dagster loads.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from pipeline import database
from pipeline.assets import night
from pipeline.errors import ConfigError
from pipeline.lake import Lake
from pipeline.lake.progress import Progress
from pipeline.months import Calendar, key_of
from pipeline.mrr import Policy
from pipeline.settings import Settings


@dataclass
class Place:
    """What every asset works with.

    Attributes:
        settings: the environment and the configuration.
        watch: called after each page that a source returns.
        waits: seconds before a step that reads a source is tried again, one for each time, while the source is down.
            Where a person or cron reads how it ended there are none: the command says it at once.
        sqlite_upgrade: bring a SQLite warehouse to this version's tables at the first use.
    """

    settings: Settings
    watch: Callable[[Progress], None] | None = None
    waits: tuple[float, ...] = field(default=(60.0, 300.0), kw_only=True)
    sqlite_upgrade: bool = field(default=True, kw_only=True)

    @cached_property
    def engine(self) -> Engine:
        """The warehouse, with the tables of this version.

        Raises:
            ConfigError: it cannot be reached, or it is a PostgreSQL that was not migrated.
        """
        url = self.settings.warehouse_url
        try:
            if database.pending(url):
                if make_url(url).get_backend_name() != "sqlite" or not self.sqlite_upgrade:
                    raise ConfigError(
                        "The warehouse does not have the tables of this version. "
                        "Run: expansion db upgrade"
                    )
                database.upgrade(url)
        except OperationalError as error:
            raise ConfigError(
                f"The warehouse at {database.shown(url)} does not answer "
                f"({type(error.orig).__name__}). Check WAREHOUSE_URL."
            ) from None
        return database.engine(url)

    @cached_property
    def lake(self) -> Lake:
        """The lake, whose manifest is in the warehouse."""
        return Lake(self.settings.lake_root, self.engine)

    @property
    def policy(self) -> Policy:
        """The policy that figures follow."""
        mrr = self.settings.config.mrr
        return Policy.from_switches({**mrr.switches(), "policy": mrr.policy})

    def calendar(self) -> Calendar:
        """The reporting calendar now; its first month is the configured one, else the earliest that was touched.

        Raises:
            ConfigError: the clock stands before the history.
        """
        company = self.settings.config.company
        calendar = Calendar(
            now=self.settings.now(),
            timezone=company.timezone,
            close_day=company.close_day,
            first_month=company.first_month or night.first_month(self.engine),
        )
        if not calendar.months:
            raise ConfigError(
                f"The clock says {key_of(calendar.current)}, which is before the first month of the history. "
                f"Check PIPELINE_NOW, and the clock of the machine."
            )
        return calendar

    def close(self) -> None:
        """Close the connections, if any were opened."""
        if "engine" in self.__dict__:
            self.engine.dispose()
