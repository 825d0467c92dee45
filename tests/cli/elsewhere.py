"""A company whose clock is not this machine's."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.sandbox.company.crm import Crm


class Elsewhere:
    """A company without anything, whose clock differs from this machine's."""

    def __init__(self, ahead: timedelta) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.hubspot: dict[str, Any] = Crm(0).records
        self._ahead = ahead

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, to: datetime) -> None:
        raise AssertionError(to)
