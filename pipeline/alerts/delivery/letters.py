"""What goes to Slack, and what came of it.

Belongs here: the words that the outbox and the ways to Slack share. Does not belong here: how Slack is asked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

DOUBT = "possible duplicate"
"""What a message says that Slack may have got before, where nobody may look; its row in the outbox begins so."""
Status = Literal["sent", "pending", "unknown", "dead", "absent"]


@dataclass(frozen=True, slots=True)
class Place:
    """A message that is in Slack: the channel's id and the message's timestamp."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way.

    Attributes:
        key: unique on what it says; it travels with the message, so that it can be found again.
        channel: name or id of the channel.
        text: what it says in plain text.
        blocks: Slack blocks.
        thread: the message that it answers.
        broadcast: an answer that the channel sees too.
        answer: it speaks of an alert that was told before, whether or not there is a thread for it.
        since: when it was decided; it is not in Slack from before.
    """

    key: str
    channel: str
    text: str
    blocks: tuple[dict[str, Any], ...]
    thread: Place | None = None
    broadcast: bool = False
    answer: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture for a thread.

    Attributes:
        name: of the file; it is found again by it.
        title: what it shows.
        alt: the same in words, for those who do not see it.
        png: the picture.
    """

    name: str
    title: str
    alt: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    Attributes:
        status: sent; pending (it certainly was not posted; try later); unknown (it may have been); dead. Of a look:
            sent; absent; unknown (nobody may look); pending (looking failed this time).
        place: where it is.
        error: what Slack said.
        wait: seconds to wait before the next attempt, where Slack says so.
        blocks_refused: it was for the blocks; the text alone may still go.
    """

    status: Status
    place: Place | None = None
    error: str | None = None
    wait: float | None = None
    blocks_refused: bool = False


class Post(Protocol):
    """A way to Slack."""

    threads: bool
    """Messages have timestamps: they can be answered, changed and given a chart."""

    def send(self, letter: Letter) -> Outcome:
        """Post the letter."""

    def find(self, letter: Letter, channel_id: str | None) -> Outcome:
        """Look whether the letter was posted."""

    def change(self, place: Place, letter: Letter) -> Outcome:
        """Make the message at `place` say what the letter says; doing it twice does no harm."""

    def attach(self, thread: Place, chart: Chart) -> Outcome:
        """Put a chart into a thread."""

    def attached(self, thread: Place, name: str) -> Outcome:
        """Look whether the chart of that file name is in the thread."""
