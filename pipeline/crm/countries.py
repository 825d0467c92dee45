"""Countries as ISO 3166 alpha-2 codes.

Belongs here: recognising what people write into a CRM's country field. The names are those of the time zone database.
"""

from functools import cache
from importlib.resources import files

import polars as pl

ALSO = {
    "britain": "GB",
    "czech republic": "CZ",
    "england": "GB",
    "great britain": "GB",
    "holland": "NL",
    "korea": "KR",
    "republic of korea": "KR",
    "russian federation": "RU",
    "south korea": "KR",
    "the netherlands": "NL",
    "turkey": "TR",
    "türkiye": "TR",
    "u.s.": "US",
    "u.s.a.": "US",
    "uk": "GB",
    "united kingdom": "GB",
    "united states of america": "US",
    "usa": "US",
    "viet nam": "VN",
}
"""What the time zone database writes otherwise, or not at all."""


def iso_country(written: pl.Expr) -> pl.Expr:
    """The ISO alpha-2 code of a country as written; null where it is not recognised."""
    return (
        written.str.strip_chars()
        .str.to_lowercase()
        .replace_strict(_codes(), default=None, return_dtype=pl.String)
    )


@cache
def _codes() -> dict[str, str]:
    table = files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    named = {name.lower(): code for code, name in rows}
    return named | {code.lower(): code for code in named.values()} | ALSO
