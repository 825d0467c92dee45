"""Text that is safe in a Slack message, and of a length that Slack takes.

Belongs here: Slack's escapes and limits. A customer's name never becomes a mention, a link or a format.
"""

import re

SECTION, HEADER, FIELD, BLOCKS, TOTAL = 3000, 150, 2000, 50, 12_000
"""Characters of a section, of a header, of a field; blocks of a message; characters of all its blocks."""
FORMATS = str.maketrans({"*": None, "~": None, "`": None, "|": "\N{BROKEN BAR}"})
"""Marks that Slack reads as formats, and the one that parts a link from its label."""
CALLS = re.compile(r"@(?=(?:channel|here|everyone|all)\b)", re.IGNORECASE)
"""What services that speak like Slack take for a call to everybody, without Slack's brackets."""


def escape(text: str) -> str:
    """`text` with Slack's three control characters escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def name(text: str, limit: int = 80) -> str:
    """A name from outside: shortened, without formats and unprintable characters, nobody called, escaped."""
    return escape(shorten(flat(text), limit))


def flat(text: str) -> str:
    """A name from outside in one line, without formats and unprintable characters, nobody called."""
    shown = "".join(each if each.isprintable() else " " for each in text.translate(FORMATS))
    return CALLS.sub("@\N{ZERO WIDTH SPACE}", " ".join(shown.split()))


def shorten(text: str, limit: int) -> str:
    """`text` cut to `limit` characters, with an ellipsis where something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clip(escaped: str, limit: int) -> str:
    """Text that is already escaped cut to `limit` characters, no escape cut in two."""
    if len(escaped) <= limit:
        return escaped
    cut = escaped[: limit - 1]
    ampersand = cut.rfind("&")
    if ampersand > cut.rfind(";"):
        cut = cut[:ampersand]
    return cut + "…"
