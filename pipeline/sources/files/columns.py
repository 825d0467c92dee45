"""Which column of a file holds what: the map of `pipeline.toml`, and our own names where it says nothing.

Belongs here: finding columns in a header. Does not belong here: their cells (`values`).
"""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.crm_files import ACCOUNT_COLUMNS, DEAL_COLUMNS
from pipeline.errors import SourceError

SHOWN = 30
"""Columns of a file that an error names."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: its stream, the names of ours that it may have, the key first, and where they are mapped."""

    stream: str
    names: tuple[str, ...]
    option: str

    @property
    def key(self) -> str:
        """Our name of its key column."""
        return self.names[0]


ACCOUNTS = Kind("account", ACCOUNT_COLUMNS, "crm.files.account_columns")
DEALS = Kind("deal", DEAL_COLUMNS, "crm.files.deal_columns")


@dataclass(frozen=True, slots=True)
class Found:
    """One column: our name, theirs, and its place in a row."""

    name: str
    theirs: str
    place: int


def found(
    path: Path, kind: Kind, mapped: Mapping[str, str], header: Sequence[str]
) -> tuple[Found, ...]:
    """The columns of ours that the file has, the key first.

    Args:
        path: the file, for errors.
        kind: what it has.
        mapped: our name -> their column.
        header: their columns.

    Raises:
        SourceError: a mapped column or the key is missing, or a column stands twice; names file and column.
    """
    for name, theirs in mapped.items():
        if theirs not in header:
            raise SourceError(
                f'{path} has no column "{theirs}" ({kind.option}.{name}). {_instead(theirs, header)}'
            )
    wanted = {name: mapped.get(name, name) for name in kind.names}
    if wanted[kind.key] not in header:
        raise SourceError(
            f'{path} has no column "{kind.key}". Write which one holds it: {kind.option} = '
            f'{{ {kind.key} = "..." }}. {_instead(kind.key, header)}'
        )
    times = Counter(header)
    twice = [theirs for theirs in wanted.values() if times[theirs] > 1]
    if twice:
        raise SourceError(f'{path} has the column "{twice[0]}" twice. Rename one of them.')
    places = {theirs: place for place, theirs in enumerate(header)}
    return tuple(
        Found(name, theirs, places[theirs]) for name, theirs in wanted.items() if theirs in places
    )


def _instead(theirs: str, header: Sequence[str]) -> str:
    if any("@" in each for each in header):
        # Not shown: it is a row of data.
        return "Its first line holds an e-mail address: write the names of the columns above it."
    near = difflib.get_close_matches(theirs, header, n=1)
    if near:
        return f'The nearest is "{near[0]}".'
    named = [each for each in header if each]
    more = f", and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"Its columns are {', '.join(named[:SHOWN])}{more}."
