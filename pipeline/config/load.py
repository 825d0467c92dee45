"""Reads `pipeline.toml`, and says in one line what is wrong with it: file, line, key, what to write instead.

Belongs here: parsing, and turning pydantic's findings into sentences. Does not belong here: any key's meaning.
"""

import difflib
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.config.lines import find_line
from pipeline.config.model import Config
from pipeline.errors import ConfigError

Location = tuple[str | int, ...]
LARGEST = 10**40
"""Numbers beyond are not shown: Python refuses to write one of thousands of digits."""

PLAIN = {
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "decimal_type": "write a number",
    "decimal_parsing": "write a number",
    "string_type": 'write text in quotes, for example "text"',
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "tuple_type": 'write a list, for example ["a", "b"]',
    "dict_type": "write a table of keys and values",
    "model_type": "write a table of keys and values",
    "date_type": 'write a month as "2024-01"',
    "path_type": "write a file's path in quotes",
}


def load_config(path: Path | None) -> Config:
    """The configuration in `path`; the defaults when there is no such file or `path` is None.

    Raises:
        ConfigError: the file is no TOML, or a key or value is wrong; names file, line and key.
    """
    if path is None or not path.exists():
        return Config()
    try:
        text = _read(path)
        given = tomllib.loads(text, parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    except (ValueError, ArithmeticError):
        raise ConfigError(f"{path} has a number with more digits than can be read.") from None
    except RecursionError:
        raise ConfigError(f"{path} nests brackets too deep to be read.") from None
    try:
        return Config.model_validate(given, context={"directory": path.resolve().parent})
    except ValidationError as error:
        first, *others = error.errors(include_url=False)
        location = tuple(part for part in first["loc"] if part != "[key]")
        told = _sentence(path, text, location, _advice(location, given, first))
        more = f" ({len(others)} more after this one)" if others else ""
        raise ConfigError(f"{told}{more}") from None


def refused(path: Path, location: Location, advice: str) -> ConfigError:
    """The error for a value that is wrong by what the file does not say, as the clock; names file, line and key.

    Args:
        path: the file, which was read before.
        location: the parts of the key.
        advice: what is wrong, and what to write instead.
    """
    return ConfigError(_sentence(path, _read(path), location, advice))


def _read(path: Path) -> str:
    """The text, without the mark that Windows' editor puts before it."""
    return path.read_text(encoding="utf-8-sig")


def _sentence(path: Path, text: str, location: Location, advice: str) -> str:
    line = find_line(text, location)
    where = f"{path}, line {line}" if line else f"{path}"
    return f"{where}: {_key(location)}: {advice}."


def _key(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _advice(location: Location, given: Mapping[str, Any], error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"there is no such key; {_instead(location)}"
    if kind == "missing":
        return "the key is missing; add it"
    if kind == "literal_error":
        return f"{_shown(error['input'])} is not possible; write {context['expected']}"
    if kind == "value_error":
        return str(context["error"])
    return f"{_shown(error['input'])} is not possible; {PLAIN.get(kind, error['msg'].lower())}"


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= LARGEST:
        return "so large a number"
    return str(value)


def _instead(location: Location) -> str:
    """What to write in place of an unknown key: the nearest one, else the keys there are."""
    known = _keys(location[:-1])
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"write {near[0]}" if near else f"the keys here are {', '.join(known)}"


def _keys(location: Location) -> list[str]:
    model: type[BaseModel] | None = Config
    for part in location:
        if model is None or isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        model = _model_in(annotation)
    fields = model.model_fields if model else {}
    return [field.alias or name for name, field in fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model), None)
