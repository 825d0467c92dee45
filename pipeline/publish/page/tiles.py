"""The headline tiles: a figure, how it changed, and how it is judged.

Belongs here: which figures, and words around them. Does not belong here: the bands (`pipeline.metrics` sets them).
"""

from dataclasses import dataclass, replace

from pipeline.publish.page import words
from pipeline.publish.page.figures import Month
from pipeline.publish.page.past import Row

NO_OPENING = "there was no MRR at the opening"
NO_YEAR = "there are no twelve months behind it yet"


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline figure.

    Attributes:
        name: what it is.
        value: the figure as text.
        change: against the month before, as text; empty where there is none.
        way: up, down or level, of the change.
        note: the band, or another word on it; why there is no figure, where there is none.
    """

    name: str
    value: str
    change: str
    way: str
    note: str


def tiles(found: Month, currency: str) -> tuple[Tile, ...]:
    """The tiles in their order; a month that is not closed is not judged by its change."""
    total, before = found.total, found.before
    year, year_before = found.year, found.years[-2] if len(found.years) > 1 else None
    made = (
        _money("Ending MRR", "ending_mrr", total, before, f"{currency.upper()} a month"),
        _money("Expansion MRR", "expansion_mrr", total, before, _accounts(total)),
        _share("Expansion rate", "expansion_rate", total, before, _band(total, year), NO_OPENING),
        _share("NRR, 12 months", "nrr", year, year_before, "of the MRR a year ago", NO_YEAR),
        _share("GRR, 12 months", "grr", year, year_before, "the same without expansion", NO_YEAR),
    )
    return tuple(map(_so_far, made)) if total["provisional"] else made


def _so_far(tile: Tile) -> Tile:
    """A part of a month beside a whole one is neither good nor bad."""
    return replace(tile, change=tile.change and f"{tile.change}, so far", way="level")


def _accounts(total: Row) -> str:
    return f"{total['expanding_accounts']:,} of {total['opening_accounts']:,} accounts"


def _band(total: Row, year: Row | None) -> str:
    """How the benchmarks judge the month, and the twelve months up to it."""
    bands = [
        f"{words.plain(row['band'])} {span}"
        for row, span in ((total, "in the month"), (year, "over the year"))
        if row is not None and row["band"] and not (row is total and row["provisional"])
    ]
    return f"band: {', '.join(bands)}" if bands else ""


def _money(name: str, column: str, now: Row, before: Row | None, note: str) -> Tile:
    change = now[column] - before[column] if before else None
    told = f"{words.signed(change)} {_against(before)}" if change is not None else ""
    return Tile(name, words.money(now[column]), told, _way(change, 1), note)


def _share(
    name: str, column: str, now: Row | None, before: Row | None, note: str, absent: str
) -> Tile:
    value = now[column] if now else None
    old = before[column] if before else None
    change = value - old if value is not None and old is not None else None
    told = f"{words.points(change)} {_against(before)}" if change is not None else ""
    return Tile(
        name,
        words.share(value, 2 if column == "expansion_rate" else 1),
        told,
        _way(change, 0.001),
        absent if value is None else note,
    )


def _against(before: Row | None) -> str:
    return f"on {before['month']:%b %Y}" if before else ""


def _way(change: float | None, least: float) -> str:
    if change is None or abs(change) < least / 2:
        return "level"
    return "up" if change > 0 else "down"
