"""Vanishing: what a CRM listed before and does not list any more is stored once more, as gone.

Belongs here: which objects those are, and when so many are missing that the listing is not believed. CRMs list
everything each night, so what is not listed is deleted, merged or hidden there. Stripe lists changes: it takes no part.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import polars as pl

from pipeline.errors import SourceError
from pipeline.lake.lake import Lake
from pipeline.schemas import RAW_RECORD
from pipeline.sources.protocol import Page, Record

LISTING = {"hubspot": "HubSpot", "salesforce": "Salesforce", "file": "The CRM's export"}
"""Sources that list everything each night, by their names for people."""
ACCOUNTS = frozenset({"company", "account"})
"""Streams of which an empty list is never believed where there were some."""
FOLLOWING = frozenset({"association"})
"""Streams with one record for each object of another, which is believed or not by itself."""
FEW = 20
"""Of fewer objects any number may be gone."""
AT_ONCE = 10_000
GONE = '{"gone":true,'
"""How the payload of an object that is gone begins."""
ARCHIVED, DELETED = '{"archived":true,', '"IsDeleted":true'
"""How that of HubSpot's begins, and what Salesforce's holds, of an object that is listed as deleted."""


class Listed:
    """The ids that one sync saw of one stream, those that could not be stored included."""

    def __init__(self) -> None:
        self._parts: list[pl.Series] = []

    def add(self, page: Page) -> None:
        """Remember the ids of a page."""
        ids = [record.id for record in page.records]
        ids += [each.id for each in page.rejected if each.id]
        if ids:
            self._parts.append(pl.Series("id", ids, dtype=pl.String))

    @property
    def ids(self) -> pl.DataFrame:
        """`id`, each once."""
        empty = pl.Series("id", [], dtype=pl.String)
        return pl.concat([empty, *self._parts]).unique().to_frame()


def gone(
    lake: Lake,
    origin: tuple[str, str, str],
    listed: pl.DataFrame,
    now: datetime,
    *,
    believed: bool = False,
) -> Iterator[Page]:
    """Pages of records `{"gone": true, "id": ...}`, one for each object that was known and is not listed.

    What was listed as deleted leaves the lists after some weeks: that is no loss, however much it is.

    Args:
        lake: what was known.
        origin: the source, the account in it, and the stream.
        listed: `id` of all that is listed now.
        now: when that was.
        believed: however many are missing.

    Raises:
        SourceError: no account is listed where there were some, or more than half of at least 20 objects are missing.
    """
    source, _, stream = origin
    there = _there(lake, origin)
    missing = there.join(listed, on="id", how="anti").sort("id")
    if not believed and stream not in FOLLOWING:
        lost = missing.filter("alive").height
        _refuse_unlikely(source, stream, there.filter("alive").height, lost)
    for part in missing.iter_slices(AT_ONCE):
        seen = part.get_column("observed_at").to_list()
        records = tuple(
            Record.of({"gone": True, "id": id_}, api_version="", created=None)
            for id_ in part.get_column("id")
        )
        # Where the clock stands still, what is gone must be newer than what it was.
        yield Page(stream, max(now, max(seen) + timedelta(microseconds=1)), records, 0)


def _there(lake: Lake, origin: tuple[str, str, str]) -> pl.DataFrame:
    """The latest record of each object that was listed when it was last looked at.

    `id, observed_at, alive`; what was listed as deleted is not alive.
    """
    source, account, stream = origin
    payload = pl.col("payload").str
    paths = lake.paths(RAW_RECORD, f"{source}.{stream}")
    found = (
        lake.read(RAW_RECORD, paths)
        .filter(pl.col("source_account") == account)
        .select(
            "id",
            "observed_at",
            gone=payload.starts_with(GONE),
            alive=~(payload.starts_with(ARCHIVED) | payload.contains(DELETED, literal=True)),
        )
        .collect(engine="streaming")  # payloads are never all in memory
    )
    return (
        found.sort("observed_at", maintain_order=True)
        .unique("id", keep="last", maintain_order=True)
        .filter(~pl.col("gone"))
        .drop("gone")
    )


def _refuse_unlikely(source: str, stream: str, there: int, missing: int) -> None:
    listed = there - missing
    none = stream in ACCOUNTS and there and not listed
    if not none and (there < FEW or missing * 2 <= there):
        return
    raise SourceError(
        f"{LISTING[source]} lists {listed:,} of the {there:,} objects ({stream}) that it had. Such a list is "
        f"not believed, and nothing of it is shown. If they really are gone, type: expansion sync --full"
    )
