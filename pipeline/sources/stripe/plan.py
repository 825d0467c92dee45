"""How much of each stream one sync reads: everything, what there is now, or what changed.

Belongs here: the rules, from the cursors of the last sync. Pure. Source of the rules: docs/sync.md, "What is read".
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pipeline.sources.protocol import Cursors, Extent, instant, unix
from pipeline.sources.stripe.slices import FOUNDED
from pipeline.sources.stripe.streams import EVENTS, LISTS, Stream

KEPT = timedelta(days=30)
"""How long Stripe keeps events."""
EDGE = timedelta(hours=1)
"""What may age out of the events while they are drained; nothing older is called covered."""
OVERLAP = timedelta(minutes=15)
"""Objects become visible seconds after their `created`: events and nightly lists begin so long before the last sync."""
LOOKBACK = timedelta(days=40)
"""A listing begins so long before the last sync where objects are many and change while they are young."""
LISTED_EVERY = timedelta(days=6, hours=12)
"""A listing is due after seven days; nights do not begin at the same minute."""


class Plan:
    """What one sync of an account reads.

    Args:
        cursors: the cursors of the last sync.
        watermark: when this one began.
        extent: how much is asked for, at least.
    """

    def __init__(self, cursors: Cursors, watermark: datetime, extent: Extent) -> None:
        self._cursors = cursors
        self.watermark = watermark
        self._extent = extent
        last = self._cursor(EVENTS.name).get("watermark")
        self.last = None if last is None else instant(last)
        """The watermark of the last sync; null at the first."""
        self.listing = extent != "changes" or self._due()
        """Whether lists are read as they are now, and not only what changed."""

    def _cursor(self, stream: str) -> Mapping[str, Any]:
        return self._cursors.get(stream, {})

    def _synced(self, stream: str) -> int | None:
        found: int | None = self._cursor(stream).get("synced_at")
        return found

    def _listed(self, stream: str) -> int | None:
        """When a stream was listed last; before there were nights without lists, every sync listed it."""
        found: int | None = self._cursor(stream).get("listed_at")
        return self._synced(stream) if found is None else found

    def _due(self) -> bool:
        """Whether lists are due: at first, after a week, and when events were lost."""
        listed = [self._listed(stream.name) for stream in LISTS]
        known = [each for each in listed if each is not None]
        if self.last is None or len(known) < len(listed):
            return True
        return instant(min(known)) + LISTED_EVERY <= self.watermark or self._lost()

    def _lost(self) -> bool:
        """Whether Stripe has forgotten events since the last sync: whatever changed may be old."""
        return self.last is not None and self.last < self.watermark - KEPT + EDGE

    def since(self, stream: Stream) -> int:
        """The second in which a stream's list begins."""
        synced = self._synced(stream.name)
        if synced is None or self._extent == "everything" or self._lost():
            return FOUNDED
        if not self.listing:
            return synced - int(OVERLAP.total_seconds())
        return synced - int(LOOKBACK.total_seconds()) if stream.windowed else FOUNDED

    def cursor(self, stream: str) -> dict[str, int]:
        """A stream's cursor after this sync."""
        now = unix(self.watermark)
        listed = now if self.listing else self._listed(stream)
        return {"synced_at": now, "listed_at": now if listed is None else listed}
