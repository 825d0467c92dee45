"""The allow-list as types: an object of the usual form becomes its record without a Python dictionary.

Belongs here: types made of the nodes of `filtering`, which keep the same fields in the same bytes. What has another
form (an expanded object, a list that goes on, a type or a value that Stripe does not describe) does not fit them: it
is read the long way, where it is counted.
"""

from collections.abc import Mapping
from types import GenericAlias
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from pipeline.sources.protocol import Record
from pipeline.sources.stripe.allowlist import Leaf, Whole
from pipeline.sources.stripe.client import API_VERSION
from pipeline.sources.stripe.filtering import Node

Plain = None | bool | int | float | str
LISTINGS = frozenset({"items", "lines"})
"""Fields that hold a list which may go on elsewhere."""
APART = frozenset({"discount", "discounts"})
"""Fields whose objects become records of their own (`expansions`)."""
LATEST = 253_402_300_800
"""Unix seconds of the year 10000: what claims to be later says no time at all."""
ENDS = ("has_more", "object", "url")


class Typed:
    """Reads objects of one stream.

    Args:
        node: what is kept of its objects.
    """

    def __init__(self, node: Node) -> None:
        self._listings = tuple(sorted(LISTINGS & node.shape.keys()))
        self._decoder = msgspec.json.Decoder(_struct(node))
        self._encoder = msgspec.json.Encoder(order="deterministic")

    def read(self, body: bytes | memoryview | msgspec.Raw) -> Record | None:
        """The object's record; null where it has not the usual form."""
        try:
            found = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        id_ = found.id
        if not isinstance(id_, str) or not id_:
            return None
        for name in self._listings:
            if told(getattr(found, name), "has_more"):
                return None
        # Written while the object is at hand: a page of them is more than a processor keeps near.
        return Record.read(id_, self._encoder.encode(found), created(found), API_VERSION)


def told(value: Any, name: str) -> Any:
    """A field of an object, or of its record; null where there is none."""
    if isinstance(value, msgspec.Struct):
        found = getattr(value, name, None)
        return None if found is UNSET else found
    return value.get(name) if isinstance(value, dict) else None


def created(value: Any) -> int | None:
    """When an object was made, in Unix seconds; null where it does not say."""
    found = told(value, "created")
    found = told(value, "date") if found is None else found
    return found if type(found) is int and 0 <= found < LATEST else None


def _struct(node: Node) -> Any:
    """A Struct of what is kept; other fields are left out when it is read."""
    fields = {name: _type(node, name) for name in node.shape}
    if "data" not in node.shape:
        fields["data"] = None  # a list where none is expected: not the usual form
    return _made(node.name, fields)


def _made(name: str, fields: Mapping[str, Any]) -> Any:
    listed = [(each, fields[each] | UnsetType, UNSET) for each in sorted(fields)]
    return msgspec.defstruct(name.replace(".", "_"), listed, gc=False)


def _type(node: Node, name: str) -> Any:
    shape = node.shape[name]
    if isinstance(shape, Whole):
        return Any
    if name in node.words:
        return Literal[(*sorted(node.words[name]), None)]
    if isinstance(shape, Leaf) or name in APART:
        return Plain | list[Plain]
    inside = _struct(node.below[name])
    array: Any = GenericAlias(list, inside | Plain)
    if name in LISTINGS:
        inside = _made(f"{name}_list", {"data": array, **dict.fromkeys(ENDS, Any)})
    return inside | array | Plain
