"""`ready`: who expands next, on the terminal, as JSON, or as a CSV for the CRM.

Belongs here: the command. What is read is in `pipeline.publish.ready`.
"""

import csv
import json as json_module
from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table

from pipeline.cli import here, outside, terminal
from pipeline.database import reading
from pipeline.errors import ConfigError
from pipeline.months import key_of, month_of
from pipeline.publish import ready_words
from pipeline.publish.ready import REASONS, Listed, Ready, newest, owners
from pipeline.publish.ready import ready as read_ready
from pipeline.settings import Settings

HEAD = (
    *("month", "rank", "account_id", "crm", "crm_id", "account", "owner", "score", "probability"),
    *("motion", "mrr", *(f"reason_{number + 1}" for number in range(REASONS))),
)
MOST = 10_000_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would compute if a cell began with it."""


@click.command()
@click.option("--month", help="The month whose scores, as 2026-10; default: the newest.")
@click.option("--owner", help="Only the accounts of one owner, as the CRM names it.")
@click.option(
    "--first",
    default=20,
    show_default=True,
    type=click.IntRange(0, MOST),
    help="So many accounts; 0: all.",
)
@click.option(
    "--to",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a CSV for the CRM.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def ready(
    month: str | None, owner: str | None, first: int, target: Path | None, as_json: bool
) -> None:
    """Who expands next: accounts in order, with reasons; nobody whom an experiment holds out."""
    listed = _read(month, owner, first or None, quiet=as_json)
    if as_json:
        click.echo(json_module.dumps(asdict(listed) | {"month": key_of(listed.month)}))
    elif target is not None:
        with outside.writing(target):
            _write(listed, target)
        click.echo(
            f"{target}: {len(listed.accounts):,} accounts, scored in {key_of(listed.month)}."
        )
    else:
        _print(listed)


def _read(month: str | None, owner: str | None, first: int | None, *, quiet: bool) -> Listed:
    wanted = month_of(month) if month else None
    with here.reading(Settings.load()) as place, reading(place.engine) as connection:
        here.refuse_outside(place.calendar(), wanted)
        chosen = wanted or newest(connection)
        found = None if chosen is None else read_ready(connection, chosen, first, owner)
        known = [] if chosen is None or owner is None else owners(connection, chosen)
    if found is None:
        raise ConfigError(
            f"{month} is not scored. Run: expansion backfill --from {month} --to {month}"
            if month
            else "No month is scored yet. Run: expansion run"
        )
    if owner is not None and owner not in known:
        # Names are for the person who asked: an error, which may be kept somewhere, has none.
        if not quiet:
            terminal.print_rows(("owner", each) for each in known)
        there = "those that there are stand above" if known else "the CRM names none"
        raise ConfigError(f"Nobody of this name owns an account in {key_of(found.month)}: {there}.")
    return found


def _print(listed: Listed) -> None:
    scored = ready_words.by_score(listed)
    by = "score" if scored else "mrr"
    table = Table(box=None, pad_edge=False)
    for name in ("", "account", "owner", by, "offer", "why"):
        table.add_column(name, justify="right" if name in {"", by} else "left")
    for each in listed.accounts:
        table.add_row(
            *(str(each.rank), each.name, each.owner or "–"),
            *(
                f"{each.score:.0f}" if scored else f"{each.mrr:,.0f}",
                ready_words.motion(each.motion),
            ),
            "; ".join(each.reasons),
        )
    out = terminal.out()
    out.print(
        f"{key_of(listed.month)}. {ready_words.trusted(listed)}", highlight=False, markup=False
    )
    out.print(table, markup=False)
    rest = [
        f"{listed.more:,} more." if listed.more else "",
        *(said(listed) for said in (ready_words.left_out, ready_words.learned)),
    ]
    out.print(" ".join(part for part in rest if part), highlight=False, markup=False)


def _write(listed: Listed, target: Path) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEAD)
        for each in listed.accounts:
            rows.writerow([_cell(value) for value in _row(listed, each)])


def _row(listed: Listed, each: Ready) -> list[object]:
    crm, _, crm_id = each.account_id.partition(":")
    linked = bool(crm_id)
    reasons = [*each.reasons, *[""] * REASONS][:REASONS]
    return [
        *(key_of(listed.month), each.rank, each.account_id),
        *((crm, crm_id) if linked else ("", "")),
        *(each.name, each.owner, round(each.score, 1)),
        None if each.probability is None else round(each.probability, 4),
        *(each.motion, f"{each.mrr:.2f}", *reasons),
    ]


def _cell(value: object) -> object:
    """Names are written by strangers: none of them becomes a formula."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value
