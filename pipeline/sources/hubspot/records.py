"""From HubSpot's answers to records: what was asked for, and nothing else.

Belongs here: the allow-list, applied. HubSpot adds standard properties (a contact's name) and who changed what.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from pipeline.sources.hubspot.streams import HUBSPOT_API_VERSION, ObjectList
from pipeline.sources.protocol import Json, Page, Record, Rejection, Unstorable, unix

OWNER = ("archived", "firstName", "lastName")
PIPELINE = ("archived", "label")
STAGE = ("archived", "id", "label", "metadata")
STAGE_METADATA = ("isClosed", "probability")
LINK_TYPE = ("category", "label", "typeId")

Kept = Callable[[Json], Json]


def page(stream: str, observed_at: datetime, objects: Sequence[Any], kept: Kept) -> Page:
    """A page of records, whatever `kept` leaves of each object; what has no id comes as a rejection."""
    records, rejected = [], []
    for each in objects:
        id_ = id_of(each)
        if id_ is None:
            rejected.append(Rejection("", f"{_article(stream)} {stream} without an id"))
            continue
        try:
            content = {**kept(each), "id": id_}
            records.append(
                Record.of(content, api_version=HUBSPOT_API_VERSION, created=_created(content))
            )
        except Unstorable:
            rejected.append(
                Rejection(id_, f"{_article(stream)} {stream} that is nested too deeply")
            )
    return Page(stream, observed_at, tuple(records), len(objects), tuple(rejected))


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def id_of(value: Any) -> str | None:
    """The id of an object; null where it has none."""
    found = value.get("id") if isinstance(value, dict) else None
    return str(found) if type(found) in {str, int} and str(found) else None


def of_list(listed: ObjectList) -> Kept:
    """What is kept of the objects of a list."""
    properties, histories = frozenset(listed.properties), frozenset(listed.histories)

    def kept(value: Json) -> Json:
        content: Json = {"archived": value.get("archived") is True}
        if listed.dated:
            content |= _chosen(value, ("createdAt",))
        content["properties"] = _chosen(value.get("properties"), properties)
        told = _chosen(value.get("propertiesWithHistory"), histories)
        if histories and told:
            content["propertiesWithHistory"] = {
                name: [_chosen(each, ("value", "timestamp")) for each in _list(changes)]
                for name, changes in told.items()
            }
        return content

    return kept


def archived(value: Json) -> Json:
    """Of an archived object only that it is."""
    return {"archived": True, "properties": {}, **_chosen(value, ("createdAt",))}


def owner(value: Json) -> Json:
    """Somebody whom companies and deals belong to."""
    return _chosen(value, (*OWNER, "email"))


def owner_without_address(value: Json) -> Json:
    """An owner by name alone."""
    return _chosen(value, OWNER)


def pipeline(value: Json) -> Json:
    """A pipeline of deals with its stages."""
    stages = [
        {**_chosen(each, STAGE), "metadata": _chosen(each.get("metadata"), STAGE_METADATA)}
        for each in _list(value.get("stages"))
        if isinstance(each, dict)
    ]
    return {**_chosen(value, PIPELINE), "stages": stages}


def association(value: Json) -> Json:
    """The companies of one deal."""
    to = [
        {
            "toObjectId": each.get("toObjectId"),
            "associationTypes": [
                _chosen(kind, LINK_TYPE) for kind in _list(each.get("associationTypes"))
            ],
        }
        for each in _list(value.get("to"))
        if isinstance(each, dict)
    ]
    return {"to": to}


def _chosen(value: Any, names: Iterable[str]) -> Json:
    if not isinstance(value, dict):
        return {}
    return {name: value[name] for name in names if name in value}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _created(value: Json) -> int | None:
    try:
        return unix(datetime.fromisoformat(value["createdAt"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
