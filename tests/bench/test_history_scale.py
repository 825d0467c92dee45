"""A generated history is what `bench/history.py` says it is, and every step of the bench runs, with small counts."""

from pathlib import Path

import polars as pl
import pytest

from bench.generated import calendar, history
from bench.history import NAMED, build, floor, product, spine
from pipeline.schemas import ITEM_TIMELINE

ACCOUNTS, MONTHS = 150, 14


def test_a_generated_timeline_has_no_gaps_within_an_item_and_about_three_spans_an_account() -> None:
    spans = history(1, 3_000, 60)[ITEM_TIMELINE].sort("subscription_item_id", "valid_from")
    item = "subscription_item_id"
    following = spans.with_columns(next=pl.col("valid_from").shift(-1).over(item)).drop_nulls(
        "next"
    )
    assert (following["valid_to"] == following["next"]).all()
    assert 2.5 < spans.height / 3_000 < 3.5
    assert spans["currency"].unique().sort().to_list() == ["eur", "usd"]
    assert history(1, 30, 12)[ITEM_TIMELINE].equals(history(1, 30, 12)[ITEM_TIMELINE])


@pytest.mark.slow
def test_every_step_of_the_bench_runs(tmp_path: Path) -> None:
    assert build(tmp_path, ACCOUNTS, MONTHS)["spans"] > ACCOUNTS
    rows = product(tmp_path, MONTHS)["rows"]
    assert min(rows[table.name] for table in NAMED) > ACCOUNTS
    assert floor(tmp_path, MONTHS)["write"]["seconds"] > 0
    assert spine(tmp_path, MONTHS)["query"]["seconds"] > 0
    totals = pl.read_parquet(tmp_path / "spine.parquet")
    assert totals["month"].dt.date().unique().sort().to_list() == list(calendar(MONTHS).months)
    assert {"new", "upgrade", "churn"} <= set(totals["category"])
