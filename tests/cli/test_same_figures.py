"""One company's figures are the same wherever somebody looks: lake, export, SQLite, PostgreSQL and the report.

A night runs twice over the same services, on a warehouse of each kind.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from pipeline.assets.place import Place
from pipeline.assets.publish import MONTHLY
from pipeline.cli.main import main
from pipeline.database import upgrade
from pipeline.money import MICRO, RATE_SCALE
from pipeline.publish import published
from pipeline.sandbox.server import SandboxServer
from pipeline.schemas import EXPANSION_BY_TYPE, EXPANSION_METRICS, Table
from pipeline.settings import Settings
from tests.cli.desk import CONFIG

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

SCALES = {"money": MICRO, "rate": RATE_SCALE}
MADE_OF = re.compile(r"<!-- made of \w+, says \w+ -->")
SYNC = re.compile(r"sync_[0-9a-f]{16}")
"""The id of a sync is made up anew each time."""
WHOLE_UNIT_TILES = {"Ending MRR": "ending_mrr", "Expansion MRR": "expansion_mrr"}
STEPS = {
    "FX": ("fx_mrr", 1),
    "New": ("new_mrr", 1),
    "Expansion": ("expansion_mrr", 1),
    "Reactivation": ("reactivation_mrr", 1),
    "Contraction": ("contraction_mrr", -1),
    "Churn": ("churned_mrr", -1),
}
TILE = re.compile(r'<div class="tile">\s*<h2>(.*?)</h2>\s*<p class="value">(.*?)</p>')


@dataclass(frozen=True)
class Night:
    """A folder after its first night."""

    folder: Path
    place: Place

    def says(self, table: Table) -> pl.DataFrame:
        """The table in the warehouse, money in micro-units."""
        return published(self.place.engine, table.name).sort(keys(table))

    def holds(self, table: Table) -> pl.DataFrame:
        """The same in the lake."""
        rows = self.place.lake.scan(table)
        if "window_months" in table.names and "window_months" not in table.published:
            rows = rows.filter(pl.col("window_months") == 1)
        return rows.select(table.published).sort(keys(table)).collect()

    def page(self, month: date) -> str:
        return (self.folder / f"data/report/{month:%Y-%m}.html").read_text()


def keys(table: Table) -> list[str]:
    return [name for name in table.key if name in table.published]


def night_in(folder: Path, environment: dict[str, str]) -> Iterator[Night]:
    folder.mkdir(exist_ok=True)
    (folder / "pipeline.toml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        for name, value in environment.items():
            here.setenv(name, value)
        main(["run", "--json"])
    place = Place(Settings.load(environment, folder))
    yield Night(folder, place)
    place.close()


@pytest.fixture(scope="module")
def on_sqlite(services: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    yield from night_in(tmp_path_factory.mktemp("sqlite"), services.environment())


@pytest.fixture(scope="module")
def on_postgres(
    services: SandboxServer, postgres_server: sa.URL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Night]:
    name = f"same_{uuid4().hex}"
    admin = sa.create_engine(
        postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    ).connect()
    admin.exec_driver_sql(f"create database {name}")
    url = postgres_server.set(database=name).render_as_string(hide_password=False)
    upgrade(url)
    yield from night_in(
        tmp_path_factory.mktemp("postgres"), {**services.environment(), "WAREHOUSE_URL": url}
    )
    admin.exec_driver_sql(f"drop database {name} with (force)")
    admin.close()


@pytest.mark.parametrize("table", MONTHLY, ids=lambda table: table.name)
def test_lake_sqlite_and_postgresql(table: Table, on_sqlite: Night, on_postgres: Night) -> None:
    expected = on_postgres.holds(table)
    assert_frame_equal(on_sqlite.holds(table), expected)
    assert_frame_equal(on_postgres.says(table), expected, check_exact=True)
    assert_frame_equal(on_sqlite.says(table), expected, check_exact=True)


@pytest.mark.parametrize("table", MONTHLY, ids=lambda table: table.name)
def test_sums_in_sql(table: Table, on_sqlite: Night, on_postgres: Night) -> None:
    """SQLite adds floating point, which is off by less than a micro-unit here; PostgreSQL adds exactly."""
    money = [name for name in table.published if table.column(name).kind == "money"]
    held = on_postgres.holds(table)
    for name in money:
        expected = held[name].sum()
        question = sa.text(f"select coalesce(sum({name}), 0) from {table.name}")
        with on_postgres.place.engine.connect() as connection:
            assert connection.execute(question).scalar_one() * MICRO == expected, name
        with on_sqlite.place.engine.connect() as connection:
            assert abs(connection.execute(question).scalar_one() - expected / MICRO) < 1e-6, name


@pytest.mark.parametrize("table", MONTHLY, ids=lambda table: table.name)
def test_an_export_is_exact(table: Table, on_postgres: Night, tmp_path: Path) -> None:
    target = tmp_path / "table.parquet"
    with pytest.MonkeyPatch.context() as here:
        here.chdir(on_postgres.folder)
        here.setenv("WAREHOUSE_URL", on_postgres.place.settings.warehouse_url)
        here.setenv("PIPELINE_NOW", on_postgres.place.settings.now().isoformat())
        main(["export", table.name, "--to", str(target)])
    found = pl.read_parquet(target).sort(keys(table))
    whole = found.with_columns(
        (pl.col(name) * SCALES[table.column(name).kind]).cast(pl.Int64)
        for name in table.published
        if table.column(name).kind in SCALES
    )
    assert_frame_equal(whole, on_postgres.holds(table), check_exact=True)


def test_the_report_is_the_same_text(on_sqlite: Night, on_postgres: Night) -> None:
    pages = sorted(path.name for path in (on_postgres.folder / "data/report").iterdir())
    assert len(pages) > 4
    for name in pages:
        one, other = (
            (each.folder / "data/report" / name).read_text() for each in (on_sqlite, on_postgres)
        )
        assert said(one) == said(other), name


def said(page: str) -> str:
    """What a page says, without the sync, and without the line on what it was made of."""
    return SYNC.sub("", MADE_OF.sub("", page))


def charts(page: str) -> dict[str, list[list[dict[str, Any]]]]:
    """Of each chart the data of its layers."""
    found = re.findall(r'<script type="application/json" id="chart-(\w+)">(.*?)</script>', page)
    return {name: list(values(json.loads(text))) for name, text in found}


def values(document: Any) -> Iterator[list[dict[str, Any]]]:
    """Every list of data in a chart."""
    if isinstance(document, list):
        for each in document:
            yield from values(each)
    elif isinstance(document, dict):
        for name, each in document.items():
            if name == "values" and each and isinstance(each[0], dict):
                yield each
            else:
                yield from values(each)


def micro(amount: float) -> int:
    return round(amount * MICRO)


def rows_of(drawn: dict[str, list[list[dict[str, Any]]]], chart: str) -> list[dict[str, Any]]:
    return [row for layer in drawn.get(chart, []) for row in layer]


@dataclass(frozen=True)
class Held:
    """What the lake holds of the months, each with the page that shows it."""

    night: Night

    def rows(self, table: Table, window: int = 1, **where: Any) -> list[dict[str, Any]]:
        return self.night.holds(table).filter(window_months=window, **where).to_dicts()

    def totals(self, window: int = 1) -> dict[date, dict[str, Any]]:
        """The total's figures by month."""
        return {
            row["month"]: row for row in self.rows(EXPANSION_METRICS, window, dimension="total")
        }

    def pages(self) -> Iterator[tuple[date, str]]:
        months = sorted(self.totals())
        assert len(months) > 4
        return ((month, self.night.page(month)) for month in months)


@pytest.fixture(scope="module")
def held(on_postgres: Night) -> Held:
    return Held(on_postgres)


def test_the_tiles(held: Held) -> None:
    totals, years = held.totals(), held.totals(12)
    for month, page in held.pages():
        tiles = dict(TILE.findall(page))
        for name, column in WHOLE_UNIT_TILES.items():
            assert tiles[name] == f"{round(totals[month][column] / MICRO):,}", (month, name)
        assert tiles["Expansion rate"] == share(totals[month]["expansion_rate"], 2)
        for name in ("nrr", "grr"):
            figure = years[month][name] if month in years else None
            assert tiles[f"{name.upper()}, 12 months"] == share(figure, 1), (month, name)


def share(figure: float | None, decimals: int) -> str:
    return "–" if figure is None else f"{figure:.{decimals}%}"


def test_the_waterfall(held: Held) -> None:
    totals = held.totals()
    for month, page in held.pages():
        drawn = [row for row in rows_of(charts(page), "waterfall") if "from" in row]
        steps = {row["step"]: micro(row["to"]) - micro(row["from"]) for row in drawn}
        for step, (column, sign) in STEPS.items():
            assert steps[step] == sign * totals[month][column], (month, step)


def test_the_rates(held: Held) -> None:
    totals, years = held.totals(), held.totals(12)
    for month, page in held.pages():
        drawn = charts(page)
        rates = [row for row in rows_of(drawn, "rate") if "month" in row]
        assert len(rates) > 0 or totals[month]["expansion_rate"] is None
        for row in rates:
            at = date.fromisoformat(row["month"])
            assert row["value"] == totals[at]["expansion_rate"], (month, at)
        for row in (row for row in rows_of(drawn, "retention") if "month" in row):
            at = date.fromisoformat(row["month"])
            assert row["value"] == years[at][row["name"].lower()], (month, at)


def test_the_members(held: Held) -> None:
    for month, page in held.pages():
        drawn = charts(page)
        for dimension in ("segment", "owner"):
            rows = held.rows(EXPANSION_METRICS, month=month, dimension=dimension)
            expected = {row["member"]: row["expansion_mrr"] for row in rows}
            shown = {row["name"]: micro(row["amount"]) for row in rows_of(drawn, dimension)}
            assert shown.items() <= expected.items(), (month, dimension)
            assert sum(shown.values()) == sum(expected.values()), (month, dimension)


def test_the_types(held: Held) -> None:
    for month, page in held.pages():
        shown: dict[date, int] = {}
        for row in rows_of(charts(page), "types"):
            at = date.fromisoformat(row["month"])
            shown[at] = shown.get(at, 0) + micro(row["amount"])
        assert month in shown or not held.totals()[month]["expansion_mrr"], month
        for at, amount in shown.items():
            rows = held.rows(EXPANSION_BY_TYPE, month=at, dimension="total")
            assert amount == sum(row["amount"] for row in rows), (month, at)
