"""Rates through the nights: open months follow the source, closed ones keep theirs, old ones are told and stay open."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from sqlalchemy import select

from pipeline.assets import night
from pipeline.assets.place import Place
from pipeline.cli import running
from pipeline.database import reading, table_of
from pipeline.definitions import build_definitions
from pipeline.schemas import DATA_QUALITY, FX_RATE, ITEM_TIMELINE
from pipeline.settings import Settings
from tests.sources.service import Answer, serve

MARCH, APRIL, MAY = (date(2026, month, 1) for month in (3, 4, 5))
QUOTES = {"2026-05-05": "1.10", "2026-04-30": "1.09", "2026-03-31": "1.08"}
"""Day -> dollars for a euro."""


@dataclass
class Bench:
    """A lake with a timeline of so many currencies, and a central bank that says what the test wants."""

    folder: Path
    url: str
    quotes: dict[str, str]
    warnings: list[str] = field(default_factory=list)

    def config(self, text: str = "") -> None:
        (self.folder / "pipeline.toml").write_text(text or f'[fx]\nurl = "{self.url}"\n')

    def used(self, currencies: Mapping[str, date]) -> None:
        """Each currency has one item, from the tenth of its month on."""
        items = [
            {
                "subscription_item_id": f"si_{currency}",
                "currency": currency,
                "valid_from": datetime(month.year, month.month, 10, tzinfo=UTC),
            }
            for currency, month in currencies.items()
        ]
        rows = pl.concat([ITEM_TIMELINE.empty(), pl.DataFrame(items)], how="diagonal_relaxed")
        with self.place("2026-05-06") as place:
            place.lake.commit([place.lake.write(ITEM_TIMELINE, rows)], run_id="by hand")

    @contextmanager
    def place(self, now: str) -> Iterator[Place]:
        settings = Settings.load({"PIPELINE_NOW": f"{now}T06:00:00Z"}, self.folder)
        place = Place(settings)
        try:
            yield place
        finally:
            place.close()

    def night(self, now: str) -> dg.AssetCheckEvaluation:
        """The step `fx_rate`, at six in the morning; what its check says."""
        with self.place(now) as place, dg.DagsterInstance.ephemeral() as instance:
            job = build_definitions(place.settings, place).resolve_job_def("sync")
            done = job.execute_in_process(
                run_config=running.QUIET,
                asset_selection=[dg.AssetKey("fx_rate")],
                instance=instance,
            )
            self.warnings = [
                entry.user_message
                for entry in instance.all_logs(done.run_id)
                if entry.level == logging.WARNING and entry.dagster_event is None
            ]
        (check,) = done.get_asset_check_evaluations()
        return check

    def rates(self, currency: str = "eur") -> dict[date, tuple[float, bool]]:
        """Month -> (rate, frozen)."""
        with self.place("2026-05-06") as place:
            rows = place.lake.scan(FX_RATE).filter(pl.col("currency") == currency).collect()
        columns = rows.select("month", "rate", "frozen").iter_rows()
        return {month: (rate / 1e12, frozen) for month, rate, frozen in columns}

    def publish(self) -> None:
        """Remember every month as published from the timeline as it is."""
        with self.place("2026-05-06") as place, place.engine.begin() as connection:
            number = place.lake.generation(night.TIMELINE)
            months = dict.fromkeys((MARCH, APRIL, MAY), number)
            night.remember_published(connection, months, place.settings.config)

    def due(self) -> tuple[date, date]:
        """The first and last month to compute."""
        with self.place("2026-05-06") as place:
            calendar = replace(place.calendar(), first_month=MARCH)
            found = night.due(place.engine, calendar, place.policy.label)
        assert found is not None
        return found.first, found.last


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    quotes = dict(QUOTES)

    def answer(_asked: object) -> Answer:
        rows = [f"{day},{rate},{float(rate) / 2}," for day, rate in quotes.items()]
        return Answer("\n".join(["Date,USD,GBP,", *rows]).encode())

    with serve(answer) as service:
        made = Bench(tmp_path, service.base, quotes)
        made.config()
        made.used({"usd": MARCH, "eur": MARCH})
        yield made


def test_a_closed_month_keeps_its_rate_and_an_open_one_follows(bench: Bench) -> None:
    assert bench.night("2026-05-02").passed
    assert bench.rates() == {MARCH: (1.08, True), APRIL: (1.09, False), MAY: (1.09, False)}
    bench.quotes |= {"2026-05-04": "1.20", "2026-04-30": "1.19", "2026-03-31": "1.18"}
    assert bench.night("2026-05-03").passed
    assert bench.rates() == {MARCH: (1.08, True), APRIL: (1.19, False), MAY: (1.19, False)}
    bench.night("2026-05-06")  # April closed on the 4th
    assert bench.rates() == {MARCH: (1.08, True), APRIL: (1.19, True), MAY: (1.10, False)}
    bench.quotes |= dict.fromkeys(QUOTES, "2.00")
    bench.night("2026-05-06")
    assert bench.rates() == {MARCH: (1.08, True), APRIL: (1.19, True), MAY: (2.00, False)}


def test_another_source_leaves_closed_months(bench: Bench) -> None:
    bench.night("2026-05-06")
    bench.config('[fx]\nsource = "fixed"\nrates = {eur = 1.5}\n')
    assert bench.night("2026-05-06").passed
    assert bench.rates() == {MARCH: (1.08, True), APRIL: (1.09, True), MAY: (1.5, False)}


def test_a_currency_that_appears_later_changes_no_other(bench: Bench) -> None:
    bench.night("2026-05-06")
    bench.quotes |= dict.fromkeys(QUOTES, "2.00")
    bench.used({"usd": MARCH, "eur": MARCH, "gbp": APRIL})
    bench.night("2026-05-06")
    assert bench.rates("gbp") == {APRIL: (2.0, True), MAY: (2.0, False)}
    assert bench.rates() == {MARCH: (1.08, True), APRIL: (1.09, True), MAY: (2.00, False)}


def test_one_old_month_is_named_once(bench: Bench) -> None:
    del bench.quotes["2026-05-05"]
    assert not bench.night("2026-05-06").passed
    (warning,) = bench.warnings
    assert "eur in 2026-05 is of ecb 2026-04-30. They stay open" in warning


def test_an_old_rate_fails_the_check_is_told_and_stays_open(bench: Bench) -> None:
    del bench.quotes["2026-05-05"], bench.quotes["2026-04-30"]
    check = bench.night("2026-05-06")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert bench.rates() == {MARCH: (1.08, True), APRIL: (1.08, False), MAY: (1.08, False)}
    (warning,) = bench.warnings
    assert "eur in 2026-04 to 2026-05 is of ecb 2026-03-31. They stay open" in warning
    with bench.place("2026-05-06") as place, reading(place.engine) as connection:
        (row,) = connection.execute(select(table_of(DATA_QUALITY))).mappings()
    assert (row["check"], row["month"], row["passed"]) == ("fx_rate fresh", MAY, False)
    assert row["severity"] == "error"
    assert json.loads(row["examples"]) == ["2026-04 eur", "2026-05 eur"]


def test_an_old_rate_of_the_current_month_only_is_a_warning(bench: Bench) -> None:
    check = bench.night("2026-05-13")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert bench.rates()[APRIL] == (1.09, True)


def test_months_that_closed_on_an_old_rate_are_computed_again_with_a_fresh_one(
    bench: Bench,
) -> None:
    del bench.quotes["2026-05-05"], bench.quotes["2026-04-30"]
    bench.night("2026-05-06")
    bench.publish()
    bench.night("2026-05-06")
    assert bench.due() == (MAY, MAY), "the same old rate touches nothing"
    bench.quotes |= QUOTES
    assert bench.night("2026-05-06").passed
    assert bench.rates() == {MARCH: (1.08, True), APRIL: (1.09, True), MAY: (1.10, False)}
    assert bench.due() == (APRIL, MAY)


def test_another_reporting_currency_replaces_frozen_rates_and_says_so(bench: Bench) -> None:
    bench.night("2026-05-06")
    text = (bench.folder / "pipeline.toml").read_text()
    bench.config(f'[company]\nreporting_currency = "eur"\n{text}')
    bench.quotes |= dict.fromkeys(QUOTES, "2.00")
    bench.night("2026-05-06")
    assert bench.rates("usd") == {MARCH: (0.5, True), APRIL: (0.5, True), MAY: (0.5, False)}
    assert bench.rates() == {MARCH: (1.0, True), APRIL: (1.0, True), MAY: (1.0, False)}
    assert len(bench.warnings) == 1
    assert "The reporting currency is eur now: 4 frozen exchange rates" in bench.warnings[0]
    bench.night("2026-05-06")
    assert bench.warnings == []


def test_a_bank_that_does_not_answer_is_told(bench: Bench) -> None:
    bench.config('[fx]\nurl = "http://127.0.0.1:9/?token=hush"\n')
    bench.night("2026-05-06")
    assert "http://127.0.0.1:9/ does not answer" in bench.warnings[0]
    assert "hush" not in bench.warnings[0]
    with bench.place("2026-05-06") as place:
        sources = place.lake.scan(FX_RATE).filter(pl.col("currency") == "eur").collect()["source"]
    assert sources.to_list()[:2] == ["package 2026-03-31", "package 2026-04-30"]
