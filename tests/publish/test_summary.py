"""What a person sees first, read from the warehouse, at 100 columns."""

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
from rich.console import Console
from sqlalchemy import Engine, insert

from pipeline.database import table_of
from pipeline.metrics import MetricsSpec, Moves, expansion
from pipeline.months import add_months
from pipeline.publish import Summary, publish_months, replace_table, summary
from pipeline.publish.render import render
from pipeline.schemas import ACCOUNT, SLACK_OUTBOX
from tests.metrics.item_books import JANUARY, NO_RATES, one_account_each


def fill(warehouse: Engine, count: int = 14) -> None:
    """Fourteen months in which one account grows by 100,000 a month, 700,000 a window of 12; the last is not closed."""
    months = [add_months(JANUARY, n) for n in range(count)]
    frames: dict[str, list[pl.DataFrame]] = {}
    for place, month in enumerate(months):
        for window in (1, 12):
            opening = 1_000_000 + 100_000 * place
            grown = opening + (100_000 if window == 1 else 700_000)
            book = one_account_each(
                {"acc_0": (opening, grown), "acc_1": (5000, 5000 - 100)},
                month=month,
                window=window,
            )
            moved = book.movement.with_columns(provisional=pl.lit(month == months[-1]))
            found = expansion(
                Moves(book.snapshot, moved, book.item_movement, book.component),
                NO_RATES,
                book.account,
                MetricsSpec(),
            )
            for name, frame in (
                ("mrr_movement", moved.collect()),
                ("expansion_metrics", found.expansion_metrics),
                ("expansion_by_type", found.expansion_by_type),
            ):
                frames.setdefault(name, []).append(frame)
    publish_months(warehouse, {name: pl.concat(each) for name, each in frames.items()}, months)
    rows = [
        dict.fromkeys(ACCOUNT.names) | {"account_id": "acc_0", "source": "hubspot"},
        dict.fromkeys(ACCOUNT.names) | {"account_id": "acc_1", "source": "stripe"},
    ]
    replace_table(warehouse, "account", pl.DataFrame(rows, schema=ACCOUNT.schema))


def post(warehouse: Engine, status: str) -> None:
    row = dict.fromkeys(SLACK_OUTBOX.names) | {
        "key": "k",
        "kind": "fired",
        "status": status,
        "channel": "#revenue",
        "payload_json": json.dumps({"text": "⚠️ Acme &amp; Sons [bold] is under its floor"}),
        "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        "sent_at": datetime(2026, 3, 2, tzinfo=UTC) if status == "sent" else None,
    }
    with warehouse.begin() as connection:
        connection.execute(insert(table_of(SLACK_OUTBOX)), row)


def printed(warehouse: Engine) -> str:
    return drawn(summary(warehouse))


def drawn(found: Summary) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(render(found))
    return console.file.getvalue()


def test_an_empty_warehouse_says_what_to_do(warehouse: Engine) -> None:
    assert "expansion run" in printed(warehouse)


def test_the_figures_are_those_of_the_warehouse(warehouse: Engine) -> None:
    fill(warehouse)
    found = summary(warehouse)
    assert len(found.months) == 12
    assert found.months[0].month == date(2026, 3, 1)
    assert found.last_closed is not None
    assert found.year is not None
    assert found.last_closed.month == found.year.month == date(2027, 1, 1)
    assert found.last_closed.expansion == 100_000
    assert found.months[-1].provisional
    for each in found.months:
        moved = each.fx + each.new + each.expansion - each.contraction - each.churned
        assert each.opening + moved + each.reactivation == each.closing
    (only,) = found.types
    assert (only.type, only.month, only.accounts) == ("seat", 100_000, 1)
    assert only.year == found.year.expansion == 700_000, "one window, not twelve months added up"
    assert found.evidence == {"exact": 1.0}
    assert (found.accounts, found.linked) == (2, 0.5)


def test_nothing_is_cut_off_at_a_hundred_columns(warehouse: Engine) -> None:
    fill(warehouse)
    post(warehouse, "sent")
    text = printed(warehouse)
    assert "…" not in text
    assert "12 months  " in text.split("Where expansion comes from")[1]
    assert all(len(line) <= 100 for line in text.splitlines())
    for said in (
        "Opening",
        "2027-02*",
        "* provisional",
        "Seats",
        "100.0% exact",
        "50% of them CRM accounts",
        "default",
        "#revenue: sent on 2026-03-02",
        "Acme & Sons [bold] is under its floor",
    ):
        assert said in text


def test_rates_have_the_decimals_of_the_report_and_accounts_their_month(warehouse: Engine) -> None:
    fill(warehouse)
    text = printed(warehouse)
    last = summary(warehouse).last_closed
    assert last is not None
    assert f"{last.expansion_rate:.2%}" in text
    assert f"{last.nrr:.1%}" in text
    assert "2 with MRR in February 2027, 50%" in text, "the month that is not closed"


def test_a_company_younger_than_a_year_has_no_column_of_twelve_months(warehouse: Engine) -> None:
    fill(warehouse)
    found = summary(warehouse)
    young = replace(found, types=tuple(replace(each, year=0.0) for each in found.types))
    table = drawn(young).split("Where expansion comes from")[1]
    assert "12 months  " not in table
    assert "100%" in table, "the share is that of the month"


def test_a_message_that_could_not_leave_is_said_to(warehouse: Engine) -> None:
    fill(warehouse, count=2)
    post(warehouse, "no_destination")
    assert "no Slack is connected" in printed(warehouse)


def test_before_a_month_is_closed_there_is_no_rate(warehouse: Engine) -> None:
    fill(warehouse, count=1)
    found = summary(warehouse)
    assert found.last_closed is None
    assert "No month is closed yet" in printed(warehouse)
