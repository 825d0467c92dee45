"""The folder in which a command is typed: whether it has a history, whether it is the demo's, and how to type the next.

Belongs here: opening what is there without making anything, and what is said where nothing is.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from sqlalchemy.engine import make_url

from pipeline.assets.place import Place
from pipeline.errors import ConfigError, UnknownMonth
from pipeline.months import Calendar, key_of
from pipeline.settings import Settings

PROGRAM = "expansion"
DEMO = Path("data/demo")
"""The demo's folder."""


def typed() -> str:
    """The program as it was typed, so that a hint can be pasted: a path where PATH does not find it."""
    path = sys.argv[0]
    found = shutil.which(PROGRAM)
    if Path(path).name != PROGRAM or (found and Path(found).resolve() == Path(path).resolve()):
        return PROGRAM
    shorter = near(Path(path))
    return shorter if os.sep in shorter else path


def near(path: Path) -> str:
    """A path as seen from here, where that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)


@contextmanager
def reading(settings: Settings) -> Iterator[Place]:
    """What a command reads. Where nothing was ever stored nothing is made either.

    Raises:
        ConfigError: there is no warehouse yet.
    """
    url = make_url(settings.warehouse_url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        raise no_history(settings)
    place = Place(settings)
    try:
        yield place
    finally:
        place.close()


def no_history(settings: Settings) -> ConfigError:
    """That no month is computed yet, and what to type; the demo's history, too, if only that is here."""
    said = f"There is no history yet. Type first: {typed()} run"
    if (DEMO / "env").is_file() and not _of_demo(settings):
        said += f". The demo's is read with: env $(cat {DEMO}/env) {typed()} ..."
    return ConfigError(said)


def refuse_outside(calendar: Calendar, *months: date | None) -> None:
    """Refuse months that no run can compute, where there is a history; null is none.

    Raises:
        UnknownMonth: names the months that there are.
    """
    first = calendar.first_month
    for month in months:
        if month is not None and first is not None and not first <= month <= calendar.current:
            raise UnknownMonth(
                f"{key_of(month)} is outside the history. Choose months from {key_of(first)} to "
                f"{key_of(calendar.current)}."
            )


def refuse_demo(settings: Settings) -> None:
    """Keep every source away from the demo's data: its own is gone, and no other belongs among simulated figures.

    Raises:
        ConfigError: the settings are the demo's.
    """
    if _of_demo(settings):
        raise ConfigError(
            f"This is the demo's data, and its simulated Stripe is gone. Make it anew: {typed()} demo; "
            f"for a company that goes on: {typed()} sandbox serve (docs/operate.md, Experiments)."
        )


def _of_demo(settings: Settings) -> bool:
    return settings.data_dir.resolve() == DEMO.resolve()
