"""Stripe's query strings: brackets make arrays and hashes.

`created[gte]=1` is a hash, `expand[]=a` and `expand[0]=a` are arrays, `limit=3` is a string.
"""

from urllib.parse import parse_qsl

from pipeline.sandbox.web import stripe_errors as refuse

Raw = str | list[str] | dict[str, str]

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
RANGE_KEYS = frozenset({"gt", "gte", "lt", "lte"})


def parse(query: str) -> dict[str, Raw]:
    """The parameters of a query string; a name given twice keeps its last value, as Stripe does."""
    params: dict[str, Raw] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        name, bracket, rest = key.partition("[")
        if not bracket:
            params[name] = value
            continue
        inner = rest.removesuffix("]")
        current = params.get(name)
        if inner == "" or inner.isdigit():
            params[name] = [*(current if isinstance(current, list) else []), value]
        else:
            params[name] = {**(current if isinstance(current, dict) else {}), inner: value}
    return params


def check_names(params: dict[str, Raw], allowed: frozenset[str]) -> None:
    """Refuse every parameter that is not `allowed`."""
    unknown = [name for name in params if name not in allowed]
    if unknown:
        raise refuse.unknown_parameters(unknown)


def text(name: str, raw: Raw) -> str:
    """A plain value."""
    if not isinstance(raw, str):
        raise refuse.wrong_shape(name, "string")
    return raw


def texts(name: str, raw: Raw) -> list[str]:
    """An array."""
    if not isinstance(raw, list):
        raise refuse.wrong_shape(name, "array")
    return raw


def integer(name: str, raw: Raw) -> int:
    """A whole number."""
    value = text(name, raw)
    try:
        return int(value)
    except ValueError:
        raise refuse.not_integer(name, value) from None


def boolean(name: str, raw: Raw) -> bool:
    """`true` or `false`."""
    value = text(name, raw)
    if value not in {"true", "false"}:
        raise refuse.not_boolean(name, value)
    return value == "true"


def limit(params: dict[str, Raw]) -> int:
    """The page size: 10 unless told, 1 to 100."""
    if "limit" not in params:
        return DEFAULT_LIMIT
    value = integer("limit", params["limit"])
    if value < 1:
        raise refuse.out_of_range("limit", value, "greater than or equal to 1")
    if value > MAX_LIMIT:
        raise refuse.out_of_range("limit", value, f"less than or equal to {MAX_LIMIT}")
    return value


def bounds(name: str, raw: Raw) -> tuple[int | None, int | None]:
    """A time range as inclusive bounds, from `name=1` or `name[gte|gt|lte|lt]=1`."""
    if isinstance(raw, list):
        raise refuse.wrong_shape(name, "hash or integer")
    if isinstance(raw, str):
        exact = integer(name, raw)
        return exact, exact
    low: int | None = None
    high: int | None = None
    for key, value in raw.items():
        label = f"{name}[{key}]"
        if key not in RANGE_KEYS:
            raise refuse.unknown_parameters([label])
        number = integer(label, value)
        if key in {"gt", "gte"}:
            number += key == "gt"
            low = number if low is None else max(low, number)
        else:
            number -= key == "lt"
            high = number if high is None else min(high, number)
    return low, high
