"""Writes pipeline/sources/stripe/known_fields.py from the installed stripe package.

Usage: python -m scripts.stripe_fields, then `ruff format`. A test holds that the file says what the package says.
"""

from collections import defaultdict
from pathlib import Path
from textwrap import wrap
from typing import Any, Literal, get_args, get_origin

import stripe

from pipeline.sources.stripe.allowlist import LEAF
from pipeline.sources.stripe.client import API_VERSION
from pipeline.sources.stripe.filtering import LOOKED_AT, walked
from scripts.stripe_package import class_of, classes, fields

TARGET = Path(__file__).resolve().parent.parent / "pipeline/sources/stripe/known_fields.py"
READ = (
    *("behavior", "billing_reason", "billing_scheme", "collection_method", "duration", "interval"),
    *("proration_behavior", "round", "status", "tax_behavior", "tiers_mode", "type", "usage_type"),
)
"""Fields of which billing reads the value, or rests on knowing it."""
HEAD = f'''"""Fields that Stripe's API {API_VERSION} has and the allow-list drops, and the values of its enumerations.

Made by scripts/stripe_fields.py from the stripe package; not to be edited by hand.
"""
'''


def known() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """(dropped, values): by the name of a node, and by node and field."""
    names = _names()
    dropped, values = defaultdict(set), defaultdict(set)
    waiting = [(shape, class_of(name)) for name, shape in LOOKED_AT.items()]
    seen = set()
    while waiting:
        shape, cls = waiting.pop()
        if (id(shape), cls) in seen:
            continue
        seen.add((id(shape), cls))
        name, has = names[id(shape)], _public(cls)
        dropped[name] |= has.keys() - shape.keys()
        for field, inner in shape.items():
            if isinstance(inner, dict):
                found = [c for c in classes(has.get(field), cls.__module__) if _object(c)]
                waiting += [(inner, below) for below in found]
            elif inner is LEAF and field in READ:
                values[f"{name}.{field}"] |= _literals(has.get(field))
    return (
        {name: sorted(found) for name, found in sorted(dropped.items()) if found},
        {name: sorted(found) for name, found in sorted(values.items()) if found},
    )


def _names() -> dict[int, str]:
    pairs = [(shape, shape, name) for name, shape in LOOKED_AT.items()]
    return {id(shape): name for shape, _, name in walked(pairs)}


def _object(cls: type) -> bool:
    return issubclass(cls, stripe.StripeObject) and cls is not stripe.StripeObject


def _public(cls: type) -> dict[str, Any]:
    return {
        name: annotation
        for name, annotation in fields(cls).items()
        if not name.startswith("_") and name.islower()
    }


def _literals(annotation: Any) -> set[str]:
    if get_origin(annotation) is Literal:
        return {each for each in get_args(annotation) if isinstance(each, str)}
    return {each for part in get_args(annotation) for each in _literals(part)}


def text() -> str:
    """The module."""
    dropped, values = known()
    parts = [HEAD]
    for name, found, what in (
        ("DROPPED", dropped, "Node of the allow-list -> fields that are dropped there."),
        ("VALUES", values, "Field -> its known values."),
    ):
        parts.append(f"\n{name} = {{\n")
        for key, words in found.items():
            lines = wrap(" ".join(words), 80, break_long_words=False, break_on_hyphens=False)
            told = "".join(f'    "{line} "\n' for line in lines[:-1])
            parts.append(f'    "{key}": (\n{told}    "{lines[-1]}"\n),\n')
        parts.append(f'}}\n"""{what}"""\n')
    return "".join(parts)


def main() -> None:
    TARGET.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
