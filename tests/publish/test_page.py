"""The report's pages on a warehouse of the simulated company: what they say, and what cannot be slipped into them."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import escape
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from pipeline import schemas
from pipeline.database import engine, reading, table_of, upgrade
from pipeline.publish import series
from pipeline.publish.page import Given, Threshold, pictures, write_report
from pipeline.schemas import EXPANSION_METRICS
from tests.publish.company import LAST, MONTHS, published_company
from tests.publish.test_page_growth import said

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u2028{{ 7*7 }}"
GIVEN = Given(company=HOSTILE, thresholds=(Threshold("floor", 0.02),), target=0.04)


@pytest.fixture
def filled(any_warehouse: Engine) -> Engine:
    published_company(any_warehouse)
    return any_warehouse


def _total(source: Engine, month: date) -> dict[str, object]:
    table = table_of(EXPANSION_METRICS)
    with reading(source) as connection:
        row = connection.execute(
            select(table).where(
                table.c.month == month, table.c.dimension == "total", table.c.window_months == 1
            )
        ).mappings()
        return dict(row.one())


def _charts(page: str) -> dict[str, dict[str, object]]:
    found = re.findall(
        r'<script type="application/json" id="chart-(\w+)">(.*?)</script>', page, re.DOTALL
    )
    return {name: json.loads(text) for name, text in found}


def test_the_page_says_what_the_warehouse_says(filled: Engine, tmp_path: Path) -> None:
    done = write_report(filled, tmp_path, GIVEN)
    assert list(done.pages) == list(MONTHS)
    assert done.latest == LAST
    page = done.page.read_text()
    total = _total(filled, LAST)
    assert f'<p class="value">{total["ending_mrr"]:,.0f}</p>' in page
    assert f'<p class="value">{total["expansion_rate"]:.2%}</p>' in page
    assert page.count("<h1>") == 1
    assert '<html lang="en">' in page
    steps = _charts(page)["waterfall"]["layer"][0]["data"]["values"]  # type: ignore[index]
    moved = sum(step["to"] - step["from"] for step in steps)
    assert moved == pytest.approx(
        float(str(total["ending_mrr"])) - float(str(total["starting_mrr"]))
    )


def test_a_part_of_a_month_is_not_judged(filled: Engine, tmp_path: Path) -> None:
    page = write_report(filled, tmp_path, GIVEN).pages[MONTHS[-1]]
    tiles = page.read_text().split('class="tiles"')[1].split('class="cards"')[0]
    assert set(re.findall(r'class="change (\w+)"', tiles)) == {"level"}
    assert tiles.count(", so far</p>") == 5
    told = said(page, "rate")
    assert "% so far;" in told
    assert "the floor is 2.0%; the target is 4.0%." in told
    assert "below the floor" not in told
    assert "stands now at" in said(page, "waterfall")


def test_a_first_month_says_why_it_has_no_rates(filled: Engine, tmp_path: Path) -> None:
    table = table_of(EXPANSION_METRICS)
    with filled.begin() as connection:
        first = update(table).where(table.c.month == MONTHS[0])
        connection.execute(first.values(expansion_rate=None, nrr=None, grr=None))
    page = write_report(filled, tmp_path, GIVEN).pages[MONTHS[0]].read_text()
    notes = re.findall(r'<p class="note">(.*?)</p>', page)
    assert notes[2:] == [
        "there was no MRR at the opening",
        *["there are no twelve months behind it yet"] * 2,
    ]


def test_a_negative_part_of_the_expansion_is_explained(filled: Engine, tmp_path: Path) -> None:
    assert "negative" not in said(write_report(filled, tmp_path, GIVEN).page, "types")
    parts = table_of(schemas.EXPANSION_BY_TYPE)
    with filled.begin() as connection:
        connection.execute(update(parts).values(type="discount", amount=-35))
    told = said(write_report(filled, tmp_path, GIVEN).page, "types")
    assert "discounts −35. A negative part is what accounts that expanded all the same" in told


def test_a_member_is_written_as_it_is(filled: Engine, tmp_path: Path) -> None:
    table = table_of(EXPANSION_METRICS)
    with filled.begin() as connection:
        owners = update(table).where(table.c.dimension == "owner")
        connection.execute(owners.where(table.c.member == "Ann Lee").values(member="mid_market"))
    page = write_report(filled, tmp_path, GIVEN, [LAST]).page
    assert "mid_market" in said(page, "owner")
    bars = _charts(page.read_text())["owner"]["data"]["values"]  # type: ignore[index]
    assert "mid_market" in [bar["name"] for bar in bars]


def test_a_page_is_written_again_only_when_it_says_something_else(
    filled: Engine, tmp_path: Path
) -> None:
    first = write_report(filled, tmp_path, GIVEN)
    assert first.changed == len(MONTHS) + 1
    assert write_report(filled, tmp_path, GIVEN).changed == 0
    account = table_of(schemas.ACCOUNT)
    table = table_of(EXPANSION_METRICS)
    with filled.begin() as connection:
        connection.execute(
            update(table)
            .where(table.c.month == LAST, table.c.dimension == "total")
            .values(expansion_rate=0.5)
        )
        connection.execute(update(account).values(name="Renamed"))
    assert write_report(filled, tmp_path, GIVEN, [LAST]).changed == 2
    assert "50.00%" in first.page.read_text()
    kept = [path.name for path in tmp_path.glob(".*")]
    assert len(kept) == 1, "nothing half is left behind"
    assert kept[0].startswith(".vega-"), "what draws is put together once"


def test_only_pages_made_of_something_else_are_made_again(filled: Engine, tmp_path: Path) -> None:
    first = write_report(filled, tmp_path, GIVEN)
    assert first.made == len(MONTHS)
    assert write_report(filled, tmp_path, GIVEN).made == 0
    old = MONTHS[-4]
    with filled.begin() as connection:
        table = table_of(EXPANSION_METRICS)
        renamed = update(table).where(table.c.month == old, table.c.dimension == "owner")
        connection.execute(renamed.where(table.c.member == "Ann Lee").values(member="Bea Lee"))
    whole = {month: page.read_bytes() for month, page in first.pages.items()}
    assert write_report(filled, tmp_path, GIVEN).made == 1, "members are on their own month's page"
    changed = {month for month, page in first.pages.items() if page.read_bytes() != whole[month]}
    assert changed == {old}
    with filled.begin() as connection:
        connection.execute(
            update(table).where(table.c.month == old).values(expansion_rate=table.c.nrr)
        )
    later = [month for month in MONTHS if month >= old]
    assert write_report(filled, tmp_path, GIVEN).made == len(later), "two years show a month's rate"
    assert write_report(filled, tmp_path, replace(GIVEN, target=0.05)).made == len(MONTHS)


@pytest.mark.parametrize("damage", ["lost", "cut", "changed", "emptied"])
def test_a_damaged_page_is_made_again(filled: Engine, tmp_path: Path, damage: str) -> None:
    done = write_report(filled, tmp_path, GIVEN)
    whole = done.page.read_bytes()
    if damage == "lost":
        done.page.unlink()
    else:
        left = {"cut": whole[:-1], "changed": whole.replace(b"MRR", b"ARR", 1), "emptied": b""}
        done.page.write_bytes(left[damage])
    again = write_report(filled, tmp_path, GIVEN)
    assert (again.made, again.changed) == (1, 1)
    assert done.page.read_bytes() == whole


def test_only_recent_pages_say_how_customers_are_linked_now(filled: Engine, tmp_path: Path) -> None:
    """A customer more would change every page each night."""
    done = write_report(filled, tmp_path, GIVEN)
    told = {month for month, page in done.pages.items() if "as they are now" in page.read_text()}
    assert told == {month for month in MONTHS if month >= LAST}


def test_hostile_names_stay_text(filled: Engine, tmp_path: Path) -> None:
    account, metrics = table_of(schemas.ACCOUNT), table_of(EXPANSION_METRICS)
    with filled.begin() as connection:
        connection.execute(update(account).values(name=HOSTILE, owner=HOSTILE))
        connection.execute(
            update(metrics)
            .where(metrics.c.dimension == "owner", metrics.c.month == LAST)
            .where(metrics.c.member == "Ann Lee")
            .values(member=HOSTILE)
        )
    page = write_report(filled, tmp_path, GIVEN).page.read_text()
    assert "<script>alert" not in page
    assert "<img" not in page.split("<script>")[0]
    assert "49" not in re.findall(r"<title>(.*?)</title>", page)[0]
    told = json.dumps(_charts(page))
    assert "alert(1)" in told, "the name is in the chart's data, as text"


def test_what_stands_beside_the_figures(filled: Engine, tmp_path: Path) -> None:
    given = replace(GIVEN, judged=lambda *told: f"{told} <b>")
    page = write_report(filled, tmp_path, given).page.read_text()
    told = escape("('expansion-floor', 0.01, 0.02) <b>").replace("&#x27;", "&#39;")
    assert f"</strong>: {told}" in page, "the alert of the month"
    assert re.search(r"5\.00%</td><td[^>]*>6\.00%</td><td>evidence, 2027-02-04", page), "restated"
    assert "v2 was brought by <code>evt_2, in_&lt;1&gt;</code>" in page
    assert "No CRM is connected" not in page, "accounts came from a CRM"
    assert "no expansion to attribute" in page, "and attribution is empty: a sentence says so"
    assert "expansion explain --account acc_0" in page


def test_a_new_series_is_told_on_the_pages_of_months_before_it(
    filled: Engine, tmp_path: Path
) -> None:
    assert "A new series" not in write_report(filled, tmp_path, GIVEN).page.read_text()
    usd, eur = "policy default, USD, times in UTC", "policy default, EUR, times in UTC"
    at = datetime(LAST.year, LAST.month, 20, tzinfo=UTC)
    later = at + timedelta(days=20)
    for before, now, when in (
        (eur, usd, at),
        (usd, eur, at + timedelta(days=1)),
        (usd, eur, later),
    ):
        with filled.begin() as connection:
            series.note(connection, series.Begun(before, now, when), f"run {when}", LAST)
    done = write_report(filled, tmp_path, GIVEN)
    told = f"A new series began on {LAST:%Y-%m}-21: {eur}; before it {usd}."
    assert told in done.page.read_text(), (
        "the last one, since the first run that published some of it"
    )
    assert told in done.pages[MONTHS[0]].read_text()
    assert "A new series" not in done.pages[MONTHS[-1]].read_text()


def test_nothing_can_be_loaded(filled: Engine, tmp_path: Path) -> None:
    done = write_report(filled, tmp_path, Given())
    for page in (done.page, done.index):
        text = page.read_text()
        policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[0]
        assert policy.startswith("default-src &#39;none&#39;")
        assert "unsafe-eval" not in policy
        assert not re.findall(r"<(?:link|iframe|object|embed)\b|\bsrc=", text.split("<script>")[0])


def test_an_empty_warehouse_has_an_index_that_says_so(warehouse: Engine, tmp_path: Path) -> None:
    done = write_report(warehouse, tmp_path, GIVEN)
    assert done.latest is None
    assert done.page == done.index
    assert "expansion run" in done.index.read_text()


def test_pictures_show_the_total_and_are_small(filled: Engine) -> None:
    found = pictures(filled, LAST, GIVEN)
    assert len(found) == 2
    for drawn in found.values():
        assert drawn.startswith(b"\x89PNG")
        assert len(drawn) < 60_000


def test_who_waits_writes_the_newer_state(filled: Engine, tmp_path: Path) -> None:
    """A name that is taken back while pages are written does not come back with them."""
    folder = tmp_path / "report"
    reading_now, go_on = threading.Event(), threading.Event()

    def slow(_month: date, _items: frozenset[str]) -> dict[str, tuple[str, ...]]:
        reading_now.set()
        go_on.wait(30)
        return {}

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(write_report, filled, folder, replace(GIVEN, proofs=slow))
        assert reading_now.wait(30)
        with filled.begin() as connection:
            connection.execute(update(table_of(schemas.ACCOUNT)).values(name=None))
        second = threads.submit(write_report, filled, folder, GIVEN)
        time.sleep(0.2)
        assert not second.done(), "it waits for the one that writes"
        go_on.set()
        assert "Acme" not in second.result(60).page.read_text()
        first.result(60)
    assert not any("Acme" in page.read_text() for page in folder.iterdir())


@pytest.mark.postgres
def test_both_databases_give_the_same_pages(
    warehouse: Engine, postgres_url: str, tmp_path: Path
) -> None:
    upgrade(postgres_url)
    other = engine(postgres_url)
    try:
        folders = []
        for source in (warehouse, other):
            published_company(source)
            folders.append(tmp_path / source.dialect.name)
            write_report(source, folders[-1], GIVEN)
    finally:
        other.dispose()
    pages = [{page.name: page.read_bytes() for page in folder.iterdir()} for folder in folders]
    assert pages[0] == pages[1]
