"""SOQL as far as one list needs it: SELECT fields FROM object [WHERE ... AND ...] [ORDER BY field] [LIMIT n].

Belongs here: reading a query, and which records it means. Does not belong here: who may see which field.
"""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.sandbox.web.world import Json

SHAPE = re.compile(
    r"\s*SELECT\s+(?P<fields>[\w\s,]+?)\s+FROM\s+(?P<object>\w+)(?:\s+WHERE\s+(?P<where>.+?))?"
    r"(?:\s+ORDER\s+BY\s+(?P<by>\w+)(?:\s+(?P<way>ASC|DESC))?)?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
CONDITION = re.compile(
    r"\s*(?P<field>\w+)\s*(?P<sign>!=|<=|>=|=|<|>)\s*(?P<value>'[^']*'|[\w.:+-]+)\s*"
)
SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
WORDS = {"null": None, "true": True, "false": False}


class Malformed(ValueError):
    """A query that cannot be read."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for."""

    object: str
    fields: tuple[str, ...]
    conditions: tuple[tuple[str, str, Any], ...]
    by: str | None
    descending: bool
    limit: int | None

    @property
    def named(self) -> tuple[str, ...]:
        """Every field that the query names."""
        by = (self.by,) if self.by else ()
        return (*self.fields, *(field for field, _, _ in self.conditions), *by)

    def of(self, records: Iterable[Json]) -> list[Json]:
        """The records that it means, whole, in its order."""
        found = [each for each in records if all(_holds(each, *one) for one in self.conditions)]
        if self.by:
            by = self.by
            found.sort(key=lambda each: str(each.get(by) or ""), reverse=self.descending)
        return found[: self.limit]


def read(text: str) -> Query:
    """The query that `text` writes.

    Raises:
        Malformed: it is none.
    """
    shape = SHAPE.fullmatch(text)
    if shape is None:
        raise Malformed(text)
    wheres = re.split(r"\s+AND\s+", shape["where"], flags=re.IGNORECASE) if shape["where"] else []
    return Query(
        shape["object"],
        tuple(each.strip() for each in shape["fields"].split(",")),
        tuple(_condition(each) for each in wheres),
        shape["by"],
        (shape["way"] or "").upper() == "DESC",
        int(shape["limit"]) if shape["limit"] else None,
    )


def _condition(text: str) -> tuple[str, str, Any]:
    found = CONDITION.fullmatch(text)
    if found is None:
        raise Malformed(text)
    value = found["value"]
    if value.startswith("'"):
        return found["field"], found["sign"], value.strip("'")
    return found["field"], found["sign"], WORDS.get(value.lower(), value)


def _holds(record: Json, field: str, sign: str, value: Any) -> bool:
    found = record.get(field)
    if sign not in {"=", "!="} and (found is None or value is None):
        return False
    return bool(SIGNS[sign](found, value))
