"""Ids of CRM accounts as people write them.

Belongs here: one spelling an id. HubSpot's and files' ids are compared as written.
"""

import polars as pl

SHORT, LONG = 15, 18
CHUNK = 5
CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
PREFIX = r"^(hubspot|salesforce|file):"
"""What an id may begin with to say whose it is."""


def salesforce_id(written: pl.Expr) -> pl.Expr:
    """A Salesforce id with its 18 characters; null where the last three do not fit the others.

    The three say which of the first 15 are capitals. What has another length stays as it is.
    """
    short = written.str.slice(0, SHORT)
    whole = short + _check(short)
    return (
        pl.when(written.str.len_chars() == SHORT)
        .then(whole)
        .when((written.str.len_chars() == LONG) & (whole != written))
        .then(pl.lit(None, dtype=pl.String))
        .otherwise(written)
    )


def _check(short: pl.Expr) -> pl.Expr:
    return pl.concat_str(
        [
            pl.lit(CHECK).str.slice(
                pl.sum_horizontal(
                    short.str.slice(start + bit, 1).str.contains(r"^[A-Z]$").cast(pl.Int64) * 2**bit
                    for bit in range(CHUNK)
                ),
                1,
            )
            for start in range(0, SHORT, CHUNK)
        ]
    )
