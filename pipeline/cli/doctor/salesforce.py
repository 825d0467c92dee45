"""Salesforce: whether one can log in, what may be read there, and how many requests are left today.

Belongs here: one look at each. Does not belong here: asking, which the source does.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.cli.doctor.finding import ONCE, Found, tried
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.sources.salesforce.source import SalesforceSource

LOGIN, DATA, USE = "Salesforce", "Salesforce data", "Salesforce use"
LITTLE = 0.1
"""Share of a day's requests; with less the night may find none."""


def looked_at(settings: Settings) -> Iterator[Found]:
    """Login, objects and fields, requests; nothing where Salesforce is not connected."""
    if not settings.salesforce_connected:
        return
    from pipeline.sources.salesforce.source import SalesforceSource

    opened: list[SalesforceSource] = []

    def login() -> Found:
        source = SalesforceSource.of(settings, ONCE)
        source.client.login()
        opened.append(source)
        return Found(LOGIN, "ok", f"logged in at {source.client.where}")

    yield tried(LOGIN, login)
    for source in opened:
        yield tried(DATA, lambda source=source: _data(source))  # type: ignore[misc]
        yield tried(USE, lambda source=source: _use(source))  # type: ignore[misc]
        source.client.close()


def _data(source: "SalesforceSource") -> Found:
    from pipeline.sources.salesforce.client import NoObject

    objects, fields = [], []
    for wanted in source.objects():
        try:
            fields += source.readable(wanted)[1]
        except NoObject:
            if not wanted.skippable:
                raise
            objects.append(wanted.name)
    hidden = [*objects, *fields]
    if hidden:
        return Found(
            DATA,
            "note",
            f"not there, or hidden from the app's user: {', '.join(hidden)}. What they say is left out; grant Read "
            f"on them if it is wanted (docs/salesforce.md).",
        )
    names = ", ".join(each.name for each in source.objects())
    return Found(DATA, "ok", f"every field that is used can be read of {names}")


def _use(source: "SalesforceSource") -> Found:
    allowance = source.allowance()
    if allowance is None:
        return Found(USE, "note", "Salesforce does not say how many requests are left today")
    said = f"{allowance.left:,} of {allowance.most:,} requests are left today"
    if allowance.left < LITTLE * allowance.most:
        return Found(USE, "note", f"only {said}. Another integration uses them up.")
    return Found(USE, "ok", said)
