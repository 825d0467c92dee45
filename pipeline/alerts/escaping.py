"""Text that is safe in a Slack message, and of a length that Slack takes.

Belongs here: Slack's escapes and limits. A customer's name never becomes a mention, a link or a format.
"""

SECTION, HEADER, FIELD, BLOCKS, TOTAL = 3000, 150, 2000, 50, 12_000
"""Characters of a section, of a header, of a field; blocks of a message; characters of all its blocks."""
FORMATS = str.maketrans("", "", "*~`")
"""Marks that Slack reads as formats."""


def escape(text: str) -> str:
    """`text` with Slack's three control characters escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def name(text: str, limit: int = 80) -> str:
    """A name from outside: shortened, without formats, escaped."""
    flat = " ".join(text.translate(FORMATS).split())
    return escape(shorten(flat, limit))


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
