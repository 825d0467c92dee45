"""HubSpot: whether the key is good, what may be read there, and whether a day's requests are enough.

Belongs here: what is said of it. Does not belong here: asking, which the source does.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.cli.doctor.finding import ONCE, Found, about, tried
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.sources.hubspot.examination import Examined

KEY, DATA, USE = "HubSpot", "HubSpot data", "HubSpot use"
TITLES = {"file": "CRM files"}
"""CRM -> what its own finding is called, where that is not its name."""


def looked_at(settings: Settings) -> Iterator[Found]:
    """Key, properties and contacts, requests; a note where HubSpot is not connected."""
    if not settings.hubspot_service_key:
        yield tried(KEY, lambda: _absent(settings))
        return
    from pipeline.sources.hubspot import HubSpotSource

    seen: list[Examined] = []

    def key() -> Found:
        found = HubSpotSource.of(settings, ONCE).examined()
        seen.append(found)
        return Found(KEY, "ok", "companies, deals, owners and pipelines can be read")

    yield tried(KEY, key)
    for found in seen:
        yield _data(found)
        yield _use(found)


def _absent(settings: Settings) -> Found:
    from pipeline.sources.configured import crm_sources

    others = [TITLES.get(each.name, each.title) for each in crm_sources(settings, ONCE)]
    if others:
        return Found(KEY, "ok", f"not connected; instead: {', '.join(others)}")
    return Found(KEY, "note", "not connected (HUBSPOT_SERVICE_KEY): no CRM dimensions")


def _data(found: "Examined") -> Found:
    said = []
    if found.contacts is False:
        said.append(
            "contacts cannot be read: customers are not linked by e-mail. Grant the Service Key "
            "crm.objects.contacts.read to change that."
        )
    if found.absent:
        said.append(
            f"not there, or hidden from the key: {', '.join(found.absent)}. What they say is left out."
        )
    if said:
        return Found(DATA, "note", "\n".join(said))
    return Found(DATA, "ok", "every property that is used can be read")


def _use(found: "Examined") -> Found:
    pace = f"{found.per_second:.0f} a second"
    if found.night is None:
        return Found(
            USE, "note", f"requests at {pace}; how many a night takes, HubSpot does not say"
        )
    night = f"a night takes {about(found.night)} requests, at {pace}"
    left = found.left_today
    if left is None:
        return Found(USE, "ok", night)
    if left < found.night:
        return Found(
            USE,
            "fail",
            f"{night}, and only {left:,} are left today. Run after midnight of the portal's time zone, or let "
            f"other integrations ask less.",
        )
    return Found(USE, "ok", f"{night}; {left:,} are left today")
