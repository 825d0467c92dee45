"""From the company's full objects to what Stripe would send: references, includables, embedded lists.

A `View` is compiled once from the `expand` parameter and then applied to each object of the page;
only what changes is copied.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pipeline.sandbox.web import stripe_errors as refuse
from pipeline.sandbox.web.stripe_types import EMBEDDED_LIMIT, TYPES, StripeType
from pipeline.sandbox.web.world import Json

MAX_DEPTH = 4

Tree = dict[str, Any]
Path = tuple[str, ...]
Lookup = Callable[[str, str], Json | None]
"""(type, id) -> the company's object."""


@dataclass(frozen=True, slots=True)
class View:
    """How objects of one type are shown."""

    type: StripeType
    hidden: frozenset[str]
    refs: tuple[tuple[Path, "View"], ...]
    lists: Mapping[str, "View"]
    below: tuple[tuple[Path, "View"], ...]
    """Where other objects stand in full: the parts, and the references that are expanded."""

    def permissions(self) -> frozenset[str]:
        """What a restricted key needs for the objects that are expanded."""
        needed = {view.type.permission for _, view in self.refs}
        for view in (*self.lists.values(), *(view for _, view in self.below)):
            needed |= view.permissions()
        return frozenset(needed)


def render(view: View, obj: Json, lookup: Lookup) -> Json:
    """One object as Stripe would send it."""
    out = obj.copy()
    for name in view.hidden:
        out.pop(name, None)
    for name, element in view.lists.items():
        embedded = obj.get(name)
        if embedded is not None:
            data = embedded["data"]
            out[name] = {
                **embedded,
                "data": [render(element, entry, lookup) for entry in data[:EMBEDDED_LIMIT]],
                "has_more": len(data) > EMBEDDED_LIMIT,
            }
    for path, target in view.below:
        value = out.get(path[0])
        if value is not None:
            out[path[0]] = _replace(value, path[1:], target, lookup)
    return out


def _replace(value: Any, path: Path, view: View, lookup: Lookup) -> Any:
    """A copy of `value` in which whatever stands at `path` is shown by `view`."""
    if value is None:
        return None
    if isinstance(value, list):
        return [_replace(entry, path, view, lookup) for entry in value]
    if path:
        child = value.get(path[0])
        if child is None:
            return value
        return {**value, path[0]: _replace(child, path[1:], view, lookup)}
    if isinstance(value, str):
        value = _found(view.type.name, value, lookup)
    return value if value.get("deleted") is True else render(view, value, lookup)


def _found(type_name: str, object_id: str, lookup: Lookup) -> Json:
    """The object behind an id; one that was deleted leaves a stub, but a coupon stays whole."""
    found = lookup(type_name, object_id)
    if found is None or (found.get("deleted") is True and type_name != "coupon"):
        return {"id": object_id, "object": type_name, "deleted": True}
    return {name: value for name, value in found.items() if name != "deleted"}


@lru_cache(maxsize=512)
def compile_view(type_name: str, expand: tuple[str, ...], *, listed: bool) -> View:
    """The view for `expand`; refuses unknown properties and more than four levels.

    Args:
        type_name: the type of the object, or of the list's elements.
        expand: the paths as given; those of a list begin with `data`.
        listed: whether the answer is a list.
    """
    tree: Tree = {}
    for path in expand:
        names = path.split(".")
        if len(names) > MAX_DEPTH:
            raise refuse.too_deep(path)
        if listed:
            names = _inside_data(type_name, path, names)
        node = tree
        for name in names:
            node = node.setdefault(name, {})
        node[""] = path
    return _view(TYPES[type_name], tree)


def _inside_data(type_name: str, path: str, names: list[str]) -> list[str]:
    if names[0] == "data" and len(names) > 1:
        return names[1:]
    try:
        compile_view(type_name, (path,), listed=False)
    except refuse.StripeRefusal:
        raise refuse.not_expandable(path) from None
    raise refuse.not_expandable(path, instead=f"data.{path}")


def _view(kind: StripeType, tree: Tree) -> View:
    refs: dict[str, Tree] = {}
    parts: dict[str, Tree] = {name: {} for name in kind.parts}
    lists: dict[str, Tree] = {name: {} for name in kind.lists}
    shown: set[str] = set()
    _sort(kind, tree, "", (refs, parts, lists, shown))
    expanded = tuple((_split(p), _view(TYPES[kind.refs[p]], t)) for p, t in refs.items())
    whole = tuple((_split(p), _view(TYPES[kind.parts[p]], t)) for p, t in parts.items())
    return View(
        type=kind,
        hidden=kind.includes - shown,
        refs=expanded,
        lists={name: _view(TYPES[kind.lists[name]], t) for name, t in lists.items()},
        below=whole + expanded,
    )


def _split(path: str) -> Path:
    return tuple(path.split("."))


_Buckets = tuple[dict[str, Tree], dict[str, Tree], dict[str, Tree], set[str]]


def _sort(kind: StripeType, tree: Tree, prefix: str, buckets: _Buckets) -> None:
    """Put each branch of `tree` where it belongs in `kind`; refuse what belongs nowhere."""
    refs, parts, lists, shown = buckets
    for name, below in tree.items():
        if name == "":
            continue
        path = prefix + name
        if path in kind.refs:
            refs[path] = below
        elif path in kind.includes and set(below) == {""}:
            shown.add(path)
        elif path in kind.lists and set(below) == {"data"} and "" not in below["data"]:
            lists[path] = below["data"]
        elif path in kind.parts and "" not in below:
            parts[path] = below
        elif "" not in below and any(known.startswith(path + ".") for known in kind.refs):
            _sort(kind, below, path + ".", buckets)
        else:
            raise refuse.not_expandable(_any_leaf(below))


def _any_leaf(tree: Tree) -> str:
    while "" not in tree:
        tree = next(iter(tree.values()))
    return str(tree[""])
