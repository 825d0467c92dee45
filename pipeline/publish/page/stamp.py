"""The last line of a page: a digest of what it was made of, and one of what it says.

Belongs here: telling whether a page would come out as it is, so that nobody has to make it again. Does not belong here:
what is on a page.
"""

import hashlib
from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from pipeline.publish.page.figures import Month
from pipeline.publish.page.given import Given

PACKAGES = ("pipeline.publish", "pipeline.publish.page", "pipeline.publish.page.charts")
DRAWING = ("jinja2", "vl-convert-python")
KINDS = (".py", ".j2", ".css", ".js")
LINE = "\n<!-- made of {}, says {} -->\n"


def made_of(found: Month, given: Given, months: Sequence[date]) -> str:
    """A digest of everything that the page of a month is made of: figures, names, configuration, links and the code.

    Args:
        found: the month.
        given: what the configuration says.
        months: every month that has a page.
    """
    told = f"{_code()}\n{found!r}\n{given!r}\n{months!r}"
    return _digest(told.encode())


def stamped(page: str, made: str) -> str:
    """The page with its last line."""
    return page + LINE.format(made, _digest(page.encode()))


def stands(target: Path, made: str) -> bool:
    """Whether the file is there, whole, and made of the same."""
    try:
        content = target.read_bytes()
    except FileNotFoundError:
        return False
    length = len(LINE.format(made, made))
    page, line = content[:-length], content[-length:]
    return line == LINE.format(made, _digest(page)).encode()


@cache
def _code() -> str:
    """Changes with the code and the templates of pages, and with what draws them."""
    told = hashlib.sha256("".join(map(version, DRAWING)).encode())
    for package in PACKAGES:
        for each in sorted(files(package).iterdir(), key=lambda each: each.name):
            if each.name.endswith(KINDS):
                told.update(each.name.encode() + each.read_bytes())
    return told.hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
