"""What every section of `pipeline.toml` shares: no unknown keys, frozen values, relative paths.

Belongs here: the base model and the field types. Does not belong here: any key.
"""

import json
import re
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from pipeline.errors import UnknownMonth
from pipeline.months import month_of

CODE_LENGTH = 3
EARLIEST = 2000
"""The year with which histories begin at the earliest."""
CHANNEL = re.compile(r"#[^\s#<>&|]{1,80}|[A-Z][A-Z0-9]{6,}")


class Section(BaseModel):
    """One section; frozen, without room for unknown keys, every number finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _resolved(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("directory")
    return path if base is None else Path(base) / path


def _month(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        month = month_of(value)
    except UnknownMonth:
        raise ValueError('write a month as "2024-01"') from None
    if month.year < EARLIEST:
        raise ValueError(f'write a month from "{EARLIEST}-01" on')
    return month


def _currency(value: str) -> str:
    lowered = value.lower()
    if len(lowered) != CODE_LENGTH or not lowered.isalpha() or not lowered.isascii():
        raise ValueError('write a three-letter currency code, for example "usd"')
    return lowered


def _channel(value: str) -> str:
    if not CHANNEL.fullmatch(value):
        raise ValueError('write a Slack channel as "#revenue", or its id, for example "C024BE91L"')
    return value


def _once(named: tuple[object, ...]) -> tuple[object, ...]:
    twice = [each for each in named if named.count(each) > 1]
    if twice:
        raise ValueError(f"{json.dumps(twice[0])} stands twice; write it once")
    return named


Once = AfterValidator(_once)
"""Of a list: nothing stands in it twice."""

FilePath = Annotated[Path, AfterValidator(_resolved)]
"""A file, relative to the folder of `pipeline.toml`."""

Month = Annotated[date, BeforeValidator(_month)]
"""A month written as "2024-01"; its first day."""

Currency = Annotated[str, AfterValidator(_currency)]
"""A three-letter currency code, lower case."""

Channel = Annotated[str, AfterValidator(_channel)]
"""A Slack channel: its name with `#`, or its id."""
