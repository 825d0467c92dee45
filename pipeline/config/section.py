"""What every section of `pipeline.toml` shares: no unknown keys, frozen values, relative paths.

Belongs here: the base model and the field types. Does not belong here: any key.
"""

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)

from pipeline.errors import UnknownMonth
from pipeline.months import month_of

CODE_LENGTH = 3
EARLIEST = 2000
"""The year with which histories begin at the earliest."""
LATEST = 2100
"""The year with which plans end at the latest."""
MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
ADDRESS = re.compile(
    r"https?://(\[[0-9a-fA-F:.]+\]|[^\s/?#@:\[\]\\]+)(:(?P<port>[0-9]{1,5}))?([/?#]\S*)?"
)
LAST_PORT = 65_535
CHANNEL = re.compile(r"#[^\s#<>&|]{1,80}|[A-Z][A-Z0-9]{6,}")


MOST_MONEY = 10**12
"""In a currency's major unit: in micro-units, of which money is made, it leaves room for a sum."""
MOST_DAYS = 36_500


class Section(BaseModel):
    """One section; frozen, without room for unknown keys, every number finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _resolved(path: Path, info: ValidationInfo) -> Path:
    if not path.name or "\0" in str(path):
        raise ValueError("write a file's path in quotes")
    base = (info.context or {}).get("directory")
    return path if base is None else Path(base) / path


def _month(value: object) -> object:
    if not isinstance(value, str) or not MONTH.fullmatch(value):
        raise ValueError('write a month as "2024-01"')
    try:
        month = month_of(value)
    except UnknownMonth:
        raise ValueError('write a month as "2024-01"') from None
    if month.year < EARLIEST:
        raise ValueError(f'write a month from "{EARLIEST}-01" on')
    if month.year > LATEST:
        raise ValueError(f'write a month until "{LATEST}-12"')
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


def once(named: tuple[object, ...]) -> tuple[object, ...]:
    """What was given, if nothing stands in it twice.

    Raises:
        ValueError: something does.
    """
    twice = [each for each in named if named.count(each) > 1]
    if twice:
        raise ValueError(f"{json.dumps(twice[0])} stands twice; write it once")
    return named


def _said(value: str) -> str:
    if not value.strip("@") or value != value.strip():
        raise ValueError("write a text that is not empty, without blanks around it")
    return value


def _address(value: str) -> str:
    parts = ADDRESS.fullmatch(value)
    if not parts or not 0 < int(parts["port"] or 1) <= LAST_PORT:
        raise ValueError(
            "write an address that begins with https:// or http://, without a user or password"
        )
    return value


Once = AfterValidator(once)
"""Of a list: nothing stands in it twice."""

FilePath = Annotated[Path, AfterValidator(_resolved)]
"""A file, relative to the folder of `pipeline.toml`."""

Said = Annotated[str, AfterValidator(_said)]
"""A text that names something."""

Days = Annotated[int, Field(ge=0, le=MOST_DAYS)]
"""So many days, of which a hundred years are as good as forever."""

Money = Annotated[Decimal, Field(ge=0, le=MOST_MONEY)]
"""An amount in the reporting currency's major unit."""

Share = Annotated[float, Field(ge=-1000, le=1000)]
"""A share, 0.05 of 5%."""

Month = Annotated[date, BeforeValidator(_month)]
"""A month written as "2024-01"; its first day."""

Address = Annotated[str, AfterValidator(_address)]
"""The address of a host; an error does not show it, for a password may stand in it."""

Currency = Annotated[str, AfterValidator(_currency)]
"""A three-letter currency code, lower case."""

Channel = Annotated[str, AfterValidator(_channel)]
"""A Slack channel: its name with `#`, or its id."""
