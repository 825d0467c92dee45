"""What one look finds, and what becomes of an error while looking.

Belongs here: the words that all parts share.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.exc import DBAPIError

from pipeline.cli import outside
from pipeline.errors import PipelineError
from pipeline.sources.limits import Patience

Verdict = Literal["ok", "note", "fail"]
"""Right; works, but somebody should know; a run would fail, or go wrong."""
ONCE = Patience(attempts=2)
"""Doctor asks once more and no longer: a person waits."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    said: str
    """What was found; where it is not right, what to do. Further lines are details."""


def tried(what: str, look: Callable[[], Found]) -> Found:
    """What `look` finds; an error that a person can put right is a finding as well."""
    try:
        return look()
    except PipelineError as error:
        return Found(what, "fail", str(error))
    except (OSError, DBAPIError) as error:
        told = outside.explained(error)
        if told is None:
            raise
        return Found(what, "fail", str(told))


def about(number: float) -> str:
    """A rough number with two figures that count: 123,456 is "about 120,000"."""
    whole = round(number)
    return f"about {round(whole, 2 - len(str(whole))):,}"


def bytes_told(size: float) -> str:
    """Bytes as people read them: 1.2 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004
            return f"{size:.3g} {unit}" if unit != "bytes" else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
