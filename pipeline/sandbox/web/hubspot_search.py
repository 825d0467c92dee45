"""HubSpot's search: filters, one order, 200 a page, and nothing behind the ten thousandth result.

Belongs here: one search in, the records of one page out. Does not belong here: HTTP, limits of requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pipeline.sandbox.web.world import Json

MOST = 10_000
MAX_LIMIT = 200
COMPARED = {"GT", "GTE", "LT", "LTE"}


class Unsearchable(Exception):
    """A search that HubSpot refuses."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of results."""

    total: int
    records: list[Json]
    after: str | None


def search(records: Sequence[Json], wanted: Json) -> Found:
    """The page that a search asks for.

    Raises:
        Unsearchable: it asks for more than HubSpot lets anybody see, or for what it does not know.
    """
    limit, after = wanted.get("limit", 10), str(wanted.get("after") or "0")
    if not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise Unsearchable(f"limit: {limit} is not between 1 and {MAX_LIMIT}")
    if not after.isdigit() or int(after) + limit > MOST:
        raise Unsearchable(f"Paging beyond {MOST} results is not possible.")
    groups = wanted.get("filterGroups") or [{}]
    found = [
        record
        for record in records
        if any(all(_fits(record, each) for each in group.get("filters", [])) for group in groups)
    ]
    for order in reversed(wanted.get("sorts") or [{"propertyName": "createdate"}]):
        key = partial(_order, order["propertyName"])
        found.sort(key=key, reverse=order.get("direction", "ASCENDING") == "DESCENDING")
    start = int(after)
    end = start + limit
    return Found(len(found), found[start:end], str(end) if end < len(found) else None)


def _order(name: str, record: Json) -> tuple[float, str]:
    return _comparable(_value(record, name))


def _value(record: Json, name: str) -> str:
    return str(record["id"] if name == "hs_object_id" else record["properties"].get(name) or "")


def _comparable(value: str) -> tuple[float, str]:
    """Numbers by their size, other values as text."""
    try:
        return float(value), ""
    except ValueError:
        return float("inf"), value


def _fits(record: Json, condition: Json) -> bool:
    operator, value = condition["operator"], _value(record, condition["propertyName"])
    if operator == "HAS_PROPERTY":
        return bool(value)
    if operator == "NOT_HAS_PROPERTY":
        return not value
    if operator == "EQ":
        return value == str(condition["value"])
    if operator == "IN":
        return value in {str(each) for each in condition["values"]}
    if operator not in COMPARED:
        raise Unsearchable(f"operator: {operator} is unknown")
    mine, other = _comparable(value), _comparable(str(condition["value"]))
    return {"GT": mine > other, "GTE": mine >= other, "LT": mine < other, "LTE": mine <= other}[
        operator
    ]
