"""What people wrote as a name, made safe to show.

Belongs here: what every room that reads names of others does to them. Does not belong here: the escapes of one medium,
as Slack's or a page's; they are its own.
"""

import polars as pl

UNPRINTABLE = r"[\p{Cc}\x{2028}\x{2029}\x{202A}-\x{202E}\x{2066}-\x{2069}]+"
"""Control characters, line breaks of every kind, and what turns the direction of the text that follows."""


def one_line(text: pl.Expr) -> pl.Expr:
    """`text` on one line: each run of characters that no name needs becomes a space.

    A terminal would obey them, a line break could forge a line of a report, and PostgreSQL keeps no zero byte.
    """
    return text.str.replace_all(UNPRINTABLE, " ")
