"""The files of the report: `2026-10.html` a month, and `index.html`.

Belongs here: which are written, and how. A file is replaced when the new one is whole, and left alone where nothing on
it changed.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Connection, Engine

from pipeline.database import reading
from pipeline.months import key_of
from pipeline.publish.page import charts, figures, library, render, stamp
from pipeline.publish.page.given import Given
from pipeline.publish.page.past import latest_of, past
from pipeline.publish.page.picture import png

INDEX = "index.html"
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it.

    Attributes:
        index: the list of months.
        pages: month -> its file, of the months that were asked for.
        made: how many pages were put together; the others are made of the same figures.
        changed: how many files were written; the others were the same.
        latest: the latest closed month, else the latest; null where the warehouse holds none.
    """

    index: Path
    pages: dict[date, Path]
    made: int
    changed: int
    latest: date | None

    @property
    def page(self) -> Path:
        """The page that a reader wants first, if it was asked for; else the index."""
        return self.pages.get(self.latest or date.min, self.index)


def write_report(
    source: Engine,
    folder: Path,
    given: Given,
    months: Sequence[date] | None = None,
    kept: Path | None = None,
) -> Written:
    """Write the pages of `months` (null: of all) and the index of those that are in the folder.

    Args:
        source: the warehouse.
        folder: where the files go; it is made.
        given: what the configuration says.
        months: months that the warehouse does not hold are left out.
        kept: where the script that draws is kept for the next time; null: beside the pages.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages: dict[date, Path] = {}
    made = changed = 0
    with _alone(folder), _at_once(source) as connection:
        known = past(connection)
        held = known.held
        wanted = {row["month"] for row in held if months is None or row["month"] in months}
        listed = [
            row for row in held if row["month"] in wanted or file_of(folder, row["month"]).is_file()
        ]
        every = [row["month"] for row in listed]
        for month in sorted(wanted):
            pages[month] = file_of(folder, month)
            found = figures.read(connection, month, given, known)
            linked = every[: every.index(month) + 2]
            inputs = stamp.made_of(found, given, linked)
            if stamp.stands(pages[month], inputs):
                continue
            made += 1
            text = render.page(found, given, linked, library.script(kept or folder))
            changed += _put(pages[month], stamp.stamped(text, inputs))
        target = folder / INDEX
        changed += _put(target, render.index(listed, given))
    return Written(target, pages, made, changed, latest_of(held))


@contextmanager
def _at_once(source: Engine) -> Iterator[Connection]:
    """A connection whose every question is answered by one state, whatever is published meanwhile."""
    with reading(source) as connection:
        if source.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others from writing there: who waits reads the warehouse anew, so an older state is never written last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def file_of(folder: Path, month: date) -> Path:
    """The page of a month in a folder."""
    return folder / f"{key_of(month)}.html"


def pictures(source: Engine, month: date, given: Given) -> dict[str, bytes]:
    """Title -> PNG of the charts that show the total alone, of a published month."""
    with _at_once(source) as connection:
        found = figures.read(connection, month, given, past(connection))
    drawn = (
        ("From opening to closing MRR", charts.waterfall(found)),
        ("Expansion rate", charts.rate(found, given)),
    )
    return {f"{title}, {key_of(month)}": png(chart) for title, chart in drawn if chart}


def _put(target: Path, text: str) -> bool:
    """Replace the file, unless it says the same; whether it was replaced. Names of customers are in it."""
    content = text.encode()
    if target.is_file() and target.read_bytes() == content:
        return False
    part = target.with_name(f".{target.name}.part")
    try:
        part.touch(mode=PRIVATE)
        part.write_bytes(content)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return True
