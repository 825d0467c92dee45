"""What the installed stripe package says of Stripe's objects: its classes and their annotations.

Belongs here: reading them. The pipeline itself never does.
"""

import re
import sys
from functools import cache
from importlib import import_module
from typing import Any, ForwardRef, get_args, get_origin

import stripe
from stripe._object_classes import OBJECT_CLASSES


@cache
def class_of(object_name: str) -> type:
    module, name = OBJECT_CLASSES[object_name]
    found: type = getattr(import_module(module), name)
    return found


@cache
def fields(cls: type) -> dict[str, Any]:
    return {
        name: annotation
        for base in reversed(cls.__mro__)
        for name, annotation in vars(base).get("__annotations__", {}).items()
    }


@cache
def named(reference: str, module: str) -> type | None:
    """The class behind a forward reference; some are imported under another name."""
    for name in (reference, re.sub(r"Resource$", "", reference)):
        owner: Any = sys.modules[module] if hasattr(sys.modules[module], name) else stripe
        for part in name.split("."):
            owner = getattr(owner, part, None)
        if isinstance(owner, type):
            return owner
    return None


def classes(annotation: Any, module: str) -> list[type]:
    """The StripeObject classes that a value of this annotation may have."""
    if isinstance(annotation, ForwardRef | str):
        found = named(getattr(annotation, "__forward_arg__", annotation), module)
        return [found] if found else []
    if get_origin(annotation) is None:
        is_object = isinstance(annotation, type) and issubclass(annotation, stripe.StripeObject)
        return [annotation] if is_object else []
    return [cls for part in get_args(annotation) for cls in classes(part, module)]


def by_key(annotation: Any) -> bool:
    """Whether a value is a map with keys of the user's, such as metadata."""
    return "UntypedStripeObject" in str(annotation)
