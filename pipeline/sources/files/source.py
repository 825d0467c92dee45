"""The source: each row becomes a record by our names, or is set aside with the reason.

Belongs here: rows to pages. Every night reads the files as a whole, so what left them is seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipeline.config.crm_files import CrmFiles
from pipeline.errors import SourceError
from pipeline.sources.files.columns import ACCOUNTS, DEALS, Found, Kind, found
from pipeline.sources.files.table import rows
from pipeline.sources.files.values import Cell, Unreadable, read, text
from pipeline.sources.protocol import (
    Clock,
    Cursors,
    Drained,
    Extent,
    Json,
    Page,
    Record,
    Rejection,
    Resume,
    unix,
)

VERSION = "1"
"""Of the records' shape."""
ROWS = 1000
"""In a page."""
PERSONAL = frozenset({"name", "domain", "additional_domains", "emails"})
"""What is left out where names are not kept."""


class FilesSource:
    """The files of one CRM.

    Args:
        files: where they are, and what their columns are called.
        keep_names: keep what names accounts, and e-mail addresses.
    """

    name = "file"
    account = ""
    settings = None

    def __init__(self, files: CrmFiles, *, keep_names: bool = True) -> None:
        self.files = files
        self._left_out = frozenset() if keep_names else PERSONAL

    def pull(
        self,
        cursors: Cursors,
        clock: Clock,
        extent: Extent = "changes",
        resume: Resume | None = None,
    ) -> Iterator[Page | Drained]:
        """Every row, each night; see `pipeline.sources.protocol.Source`."""
        del cursors, extent, resume
        watermark = clock()
        for kind, path, columns in (
            (ACCOUNTS, self.files.accounts, self.files.account_columns),
            (DEALS, self.files.deals, self.files.deal_columns),
        ):
            if path is not None:
                yield from self._pages(kind, path, columns, clock)
                yield Drained(kind.stream, {"synced_at": unix(watermark)}, whole=True)

    def fetch(self, wanted: Mapping[str, Sequence[str]], clock: Clock) -> Iterator[Page]:
        """Nothing: every night reads everything that there is."""
        del wanted, clock
        return iter(())

    def _pages(
        self, kind: Kind, path: Path, mapped: Mapping[str, str], clock: Clock
    ) -> Iterator[Page]:
        read_at = clock()
        records: list[Record] = []
        aside: list[Rejection] = []
        stored, first = 0, ""
        for each in self._read(kind, path, mapped):
            if isinstance(each, Record):
                records.append(each)
                stored += 1
            else:
                aside.append(each)
                first = first or each.reason
            if len(records) + len(aside) >= ROWS:
                yield Page(
                    kind.stream, read_at, tuple(records), len(records) + len(aside), tuple(aside)
                )
                records, aside = [], []
        if first and not stored:
            raise SourceError(f"{path}: none of its rows can be used. {first}.")
        yield Page(kind.stream, read_at, tuple(records), len(records) + len(aside), tuple(aside))

    def _read(
        self, kind: Kind, path: Path, mapped: Mapping[str, str]
    ) -> Iterator[Record | Rejection]:
        """Each row as a record, or why it is none.

        Raises:
            SourceError: the file cannot be read, lacks a column, or has an id twice.
        """
        lines = rows(path, mapped.get(kind.key, kind.key))
        header = _header(path, next(lines, None))
        columns = [
            each for each in found(path, kind, mapped, header) if each.name not in self._left_out
        ]
        key, width = columns[0], len(header)
        places: dict[str, str] = {}
        for place, cells in lines:
            id_ = text(cells[key.place]) if key.place < len(cells) else ""
            if not id_:
                yield Rejection("", f'{path.name}, {place}: nothing in the column "{key.theirs}"')
                continue
            if id_ in places:
                raise SourceError(
                    f'{path}, {place}: what the column "{key.theirs}" holds stands in {places[id_]} already. '
                    f"Each row needs an id of its own: export one row for each."
                )
            places[id_] = place
            try:
                yield _record(kind, id_, columns, _whole(cells, width))
            except Unreadable as error:
                yield Rejection(id_, f"{path.name}, {place}: {error}")


def _header(path: Path, row: tuple[str, Sequence[Cell]] | None) -> list[str]:
    """The names of the columns; those without one at the end are none."""
    names = [text(cell) for cell in row[1]] if row else []
    while names and not names[-1]:
        names.pop()
    if not names:
        raise SourceError(f"{path} is empty. Export it again, with the names of its columns.")
    return names


def _whole(cells: Sequence[Cell], width: int) -> Sequence[Cell]:
    if len(cells) < width or any(cells[width:]):
        raise Unreadable(
            f"{len(cells)} cells where the file has {width} columns; is a quote missing?"
        )
    return cells


def _record(kind: Kind, id_: str, columns: Sequence[Found], cells: Sequence[Cell]) -> Record:
    """The record of a row: what its cells hold by our names, empty ones left out.

    Raises:
        Unreadable: a cell cannot be read; names the column.
    """
    content: Json = {"id": id_}
    for each in columns[1:]:
        cell = cells[each.place]
        if not text(cell):
            continue
        try:
            content[each.name] = read(each.name, cell)
        except Unreadable as error:
            raise Unreadable(f'column "{each.theirs}": {error}') from None
    if content.get("is_closed") == "true" and "is_won" not in content:
        raise Unreadable("the deal is closed, and is_won is empty; write true or false")
    return Record.of(content, api_version=VERSION, created=_seconds(content.get("created")))


def _seconds(moment: str | None) -> int | None:
    """Unix seconds of a day or an instant, as `values.moment` writes them."""
    if moment is None:
        return None
    found = datetime.fromisoformat(moment)
    return unix(found if found.tzinfo else found.replace(tzinfo=UTC))
