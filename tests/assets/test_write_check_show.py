"""Write, check, then show: a broken identity shows nothing and says why; an older run never shows over a newer one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from pipeline import publish
from pipeline.assets import forgetting
from pipeline.assets.jobs import RANGE_END, RANGE_START
from pipeline.assets.mrr import TABLES
from pipeline.assets.place import Place
from pipeline.assets.publish import MONTHLY
from pipeline.cli import running
from pipeline.cli.terminal import Watch
from pipeline.definitions import build_definitions
from pipeline.errors import IdentityBroken, MissingMonth, StaleGeneration
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from pipeline.schemas import ACCOUNT, CUSTOMER, EXPANSION_METRICS, MRR_MOVEMENT, MRR_SNAPSHOT
from pipeline.settings import Settings

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
MONTH = "2026-10"
METRICS = ("expansion_metrics", "expansion_by_type")
COMPUTED = tuple(table.name for table in TABLES)


@dataclass
class Bench:
    settings: Settings

    @property
    def place(self) -> Place:
        return Place(self.settings)

    def materialize(self, *assets: str, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
        """One month of some assets, as a run of its own."""
        place = self.place
        try:
            job = build_definitions(self.settings, place).resolve_job_def("months")
            return job.execute_in_process(
                run_config=running.QUIET,
                asset_selection=[dg.AssetKey(name) for name in assets],
                tags={RANGE_START: MONTH, RANGE_END: MONTH},
                raise_on_error=raise_on_error,
            )
        finally:
            place.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "pipeline.toml").write_text(
        '[fx]\nsource = "fixed"\n[fx.rates]\neur = 1.08\n[stripe]\nrequests_per_second = 2000\n'
    )
    company = Company(seed=5, customers=12, months=4, end=NOW)
    company.advance(NOW)
    with SandboxServer(company) as server:
        settings = Settings.load(dict(server.environment()), tmp_path)
        running.sync(settings, Watch())
        yield Bench(settings)


def test_a_broken_identity_shows_nothing(bench: Bench) -> None:
    bench.materialize(*COMPUTED)
    place = bench.place
    try:
        spoiled = place.lake.scan(MRR_MOVEMENT, [MONTH]).with_columns(
            closing_mrr=pl.col("closing_mrr") + 1
        )
        place.lake.commit([place.lake.write(MRR_MOVEMENT, spoiled, MONTH)], run_id="spoiled")
        before = (bench.settings.lake_root / "_manifest.json").read_bytes()
        with pytest.raises(IdentityBroken, match=r"members does not hold in \d+ rows"):
            bench.materialize(*METRICS)
        failed = bench.materialize(*METRICS, raise_on_error=False)
        assert not failed.success
        checks = {check.check_name: check.passed for check in failed.get_asset_check_evaluations()}
        assert checks["members"] is False
        assert place.lake.partitions(EXPANSION_METRICS) == []
        assert (bench.settings.lake_root / "_manifest.json").read_bytes() == before
    finally:
        place.close()


def test_a_month_that_was_never_computed_is_no_churn(bench: Bench) -> None:
    with pytest.raises(MissingMonth, match=r"mrr_snapshot of 2026-10 was never computed"):
        bench.materialize(*METRICS)


def test_the_ui_shows_rows_columns_and_a_few_lines(bench: Bench) -> None:
    done = bench.materialize(*COMPUTED)
    materialization = next(
        each
        for each in done.asset_materializations_for_node("mrr")
        if each.asset_key.path == [MRR_SNAPSHOT.name]
    )
    place = bench.place
    try:
        rows = place.lake.scan(MRR_SNAPSHOT, [MONTH]).collect().height
    finally:
        place.close()
    assert rows > 0
    assert materialization.partition == MONTH
    assert materialization.metadata["dagster/partition_row_count"].value == rows
    assert materialization.metadata["preview"].value
    specs = {spec.key.to_user_string(): spec for spec in _specs(bench)}
    columns = specs["mrr_snapshot"].metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == MRR_SNAPSHOT.names
    assert all(column.description for column in columns)


def _specs(bench: Bench) -> list[dg.AssetSpec]:
    return list(build_definitions(bench.settings).resolve_all_asset_specs())


def test_who_is_forgotten_while_months_are_published_does_not_come_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = [*(table.name for table in MONTHLY), "mrr_item_movement"]
    bench.materialize(*computed, "warehouse")
    place = bench.place
    try:
        customer = place.lake.scan(CUSTOMER).filter(pl.col("name").is_not_null()).collect()[0]
        person, name = customer["customer_id"].item(), customer["name"].item()
        shown = publish.publish_months

        def meanwhile(*arguments: Any, **options: Any) -> dict[str, int]:
            forgetting.forget(place, person)
            return shown(*arguments, **options)

        monkeypatch.setattr(publish, "publish_months", meanwhile)
        with pytest.raises(StaleGeneration):
            bench.materialize("warehouse")
        assert name not in publish.published(place.engine, ACCOUNT.name)["name"].to_list()
    finally:
        place.close()
