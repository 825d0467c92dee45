"""`explain`: why one account's MRR moved, from the committed evidence.

Belongs here: what is read from the lake, which month, and whether the published figures still agree.
"""

import json as json_module
from datetime import date
from typing import Any

import click
import polars as pl

from pipeline import explain as explained
from pipeline.assets import inputs
from pipeline.assets.place import Place
from pipeline.cli import here, terminal
from pipeline.errors import UnknownAccount, UnknownMonth
from pipeline.months import key_of, month_of
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_LINK,
    COVERAGE,
    CUSTOMER,
    DISCOUNT,
    EXPANSION_ATTRIBUTION,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
)
from pipeline.settings import Settings


@click.command()
@click.option(
    "--account", required=True, help="Account id, Stripe customer id, or the account's whole name."
)
@click.option("--month", required=True, help="The month, as 2026-10.")
@click.option(
    "--window",
    type=click.Choice(["1", "3", "12"]),
    default="1",
    show_default=True,
    help="Months between the two ends that are compared.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def explain(account: str, month: str, window: str, as_json: bool) -> None:
    """Why an account's MRR moved in a month: each component, its amount and what proves it."""
    settings = Settings.load()
    wanted = month_of(month)
    with here.reading(settings) as place:
        _refuse_uncomputed(place, wanted)
        try:
            found = _explained(place, account, wanted, int(window))
        except UnknownAccount as error:
            # Names are for the person who asked: an error, which may be kept somewhere, has ids alone.
            if not as_json:
                terminal.print_rows((each, name or "-") for each, name in error.nearest.items())
            raise
        agrees = _published(place, found)
        brought = _brought(place, found)
    if as_json:
        document = explained.document(found) | {
            "attribution": explained.brought_document(brought),
            "published_figures_agree": agrees,
        }
        click.echo(json_module.dumps(document))
        return
    timezone = settings.config.company.timezone
    terminal.out().print(explained.render(found, timezone))
    if not brought.is_empty():
        terminal.out().print(explained.render_brought(brought, timezone))
    if not agrees:
        click.echo(
            f"warning: the published figures of {month} differ: evidence, rates or settings changed since. "
            f"Type: expansion run",
            err=True,
        )


def _refuse_uncomputed(place: Place, month: date) -> None:
    """A month without published figures cannot be explained."""
    computed = place.lake.partitions(MRR_MOVEMENT)
    if not computed:
        raise here.no_history(place.settings)
    if key_of(month) not in computed:
        raise UnknownMonth(
            f"{key_of(month)} was never computed. There are figures of {_ranges(computed)}."
        )


def _ranges(keys: list[str]) -> str:
    """Months as ranges: `2025-01 to 2025-03, 2025-06`."""
    frame = pl.DataFrame({"key": sorted(keys)}).with_columns(
        month=(pl.col("key") + "-01").str.to_date()
    )
    number = pl.col("month").dt.year().cast(pl.Int64) * 12 + pl.col("month").dt.month()
    runs = (
        frame.with_columns(run=number - pl.int_range(pl.len()))
        .group_by("run", maintain_order=True)
        .agg(first=pl.col("key").first(), last=pl.col("key").last())
    )
    return ", ".join(
        first if first == last else f"{first} to {last}"
        for first, last in runs.select("first", "last").iter_rows()
    )


def _explained(place: Place, asked: str, month: date, window: int) -> explained.Explanation:
    lake = place.lake
    customers = lake.scan(CUSTOMER)
    who = explained.find_account(
        asked,
        lake.scan(ACCOUNT),
        lake.scan(ACCOUNT_LINK),
        customers,
        inputs.excluded(place, customers),
    )
    basis = explained.Basis(
        book=inputs.book(place),
        raw=inputs.raw_of(lake, "stripe"),
        coverage=lake.scan(COVERAGE),
        discount=lake.scan(DISCOUNT),
        calendar=place.calendar(),
        policy=place.policy,
        currency=place.settings.config.company.reporting_currency,
    )
    return explained.explain(basis, who, month, window)


def _published(place: Place, found: explained.Explanation) -> bool:
    """Whether the figures stored for the month are the explained ones."""
    stored: dict[Any, pl.DataFrame] = {
        table: rows.filter(
            pl.col("account_id") == found.account_id,
            pl.col("window_months") == found.window_months,
        ).collect()
        for table, rows in inputs.monthly(
            place, [found.month], MRR_MOVEMENT, MRR_MOVEMENT_COMPONENT
        ).items()
    }
    return explained.agrees(found, stored[MRR_MOVEMENT], stored[MRR_MOVEMENT_COMPONENT])


def _brought(place: Place, found: explained.Explanation) -> pl.DataFrame:
    """Who brought the account's expansion; no row in other windows, and where the month was not attributed yet."""
    computed = key_of(found.month) in place.lake.partitions(EXPANSION_ATTRIBUTION)
    if found.window_months != 1 or not computed:
        return EXPANSION_ATTRIBUTION.empty()
    rows = place.lake.scan(EXPANSION_ATTRIBUTION, [key_of(found.month)])
    return rows.filter(pl.col("account_id") == found.account_id).collect()
