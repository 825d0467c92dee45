"""How much the first sync will read and how long that takes; after it, what the last one read.

Belongs here: estimates from a few pages a stream (`estimate` has the rule), and the warehouse's account of a sync.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import timedelta
from math import ceil
from typing import Any

from sqlalchemy import select

from pipeline import database
from pipeline.cli.doctor.finding import Found, about
from pipeline.cli.doctor.stripe.asking import Account
from pipeline.cli.doctor.stripe.estimate import Page, Size, estimated
from pipeline.cli.doctor.stripe.permissions import Reading, plural
from pipeline.errors import SourceError
from pipeline.lake import unfinished
from pipeline.schemas import SOURCE_SYNC
from pipeline.settings import Settings
from pipeline.sources.protocol import unix
from pipeline.sources.stripe import EVENTS
from pipeline.sources.stripe.refusals import refusal
from pipeline.sources.stripe.slices import FOUNDED, PAGE
from pipeline.sources.stripe.streams import Stream

KEPT = timedelta(days=30)
"""How long Stripe keeps events."""
COUNTED = ("listed", "stored", "rejected")
MINUTE, HOUR = 60, 3600


def examined(
    settings: Settings,
    name: str,
    account: Account,
    reading: Reading,
    pool: Executor,
    readable: bool,
) -> Found:
    """What the last sync read; where there was none, what the first one will."""
    known = _known(settings.warehouse_url, name) if readable else None
    if known is not None:
        return known
    sizes = pool.map(lambda each: _size(account, each, unix(settings.now())), reading.streams)
    try:
        return _told(list(sizes), account, complete=reading.found.verdict == "ok")
    except SourceError as error:
        return Found("First sync", "note", f"how much there is cannot be estimated now. {error}")


def _known(url: str, name: str) -> Found | None:
    """The last complete sync, or the one that is not complete yet."""
    engine = database.engine(url)
    table = database.table_of(SOURCE_SYNC)
    mine = (table.c.source == "stripe", table.c.source_account == name)
    try:
        with database.reading(engine) as connection:
            rows = connection.execute(select(table).where(*mine)).all()
            begun = unfinished.load(connection, "stripe", name)
    finally:
        engine.dispose()
    if rows:
        listed, stored, rejected = (sum(getattr(r, n) for r in rows) for n in COUNTED)
        said = (
            f"{max(row.finished_at for row in rows):%Y-%m-%d %H:%M} UTC: {listed:,} objects read, {stored:,} of them "
            f"new or changed"
        )
        if rejected:
            said += f"; {rejected:,} could not be read and were left out (table data_quality)"
        return Found("Last sync", "note" if rejected else "ok", said)
    if begun is not None:
        read = sum(counts[0] for counts in begun.counts.values())
        said = (
            f"begun {begun.started_at:%Y-%m-%d %H:%M} UTC and not finished: {read:,} objects read"
        )
        return Found("First sync", "note", f"{said}. Type: expansion sync, which goes on with it")
    return None


def _size(account: Account, stream: Stream, now: int) -> Size:
    """How many objects a stream has.

    Raises:
        SourceError: a page was refused.
    """
    since = now - int(KEPT.total_seconds()) if stream == EVENTS else FOUNDED

    def ask(params: dict[str, Any]) -> Page:
        answer = account.get(stream.path, {"limit": PAGE, **stream.filters, **params})
        if answer.refused is not None:
            raise SourceError(str(refusal(answer.refused, account.base, stream.path)))
        return Page.of(answer.content)

    return estimated(stream.name, ask, since, now)


def _told(sizes: Sequence[Size], account: Account, *, complete: bool) -> Found:
    total = sum(each.objects for each in sizes)
    exact = all(each.exact for each in sizes)
    pages = [ceil(each.objects / PAGE) or 1 for each in sizes]
    endpoint, overall = account.pace.endpoint("").per_second, account.pace.overall.per_second
    seconds = max(max(pages, default=0) / endpoint, sum(pages) / overall)
    largest = sorted((s for s in sizes if s.objects), key=lambda s: s.objects, reverse=True)
    each = [f"{plural(s.stream)} {_number(s.objects, s.exact)}" for s in largest]
    said = f"{_number(total, exact)} objects, {_duration(seconds)} to read"
    said += "" if exact else " (rough, from samples)"
    said += "" if complete else "; what may not be read is not counted"
    return Found("First sync", "ok", "\n".join(filter(None, [said, ", ".join(each)])))


def _number(number: int, exact: bool) -> str:
    return f"{number:,}" if exact else about(number)


def _duration(seconds: float) -> str:
    if seconds < MINUTE:
        return "less than a minute"
    if seconds < 1.5 * HOUR:
        minutes = round(seconds / MINUTE)
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    return f"about {seconds / HOUR:.1f} hours"
