"""The nightly schedule's run, a backfill of a range as the UI launches it, and the command, all started at one moment:
each ends, and the tables are those of one after the other.
"""

import json
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.assets.jobs import range_tags
from pipeline.cli import running
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from tests.nights.alike import differences
from tests.nights.lives import Life, ended

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

NOW = datetime(2026, 11, 6, 3, tzinfo=UTC)
NIGHTLY = '{"expansion/purpose": "nightly"}'
MONTHLY = (
    *("mrr_snapshot", "mrr_scheduled", "mrr_movement", "mrr_item_movement"),
    "mrr_movement_component",
    *("intra_month_activity", "expansion_metrics", "expansion_by_type", "expansion_cohort"),
    *("cohort_growth", "warehouse"),
)
OVERTAKEN = "A newer run has replaced"


def dagster(life: Life, *arguments: str) -> "subprocess.Popen[str]":
    """A run that Dagster makes, in a process of its own as its launcher starts one."""
    return life.spawns([sys.executable, "-m", "dagster", *arguments])


def scheduled(life: Life) -> "subprocess.Popen[str]":
    """What the schedule starts."""
    return dagster(
        life, "job", "execute", "-m", "pipeline.definitions", "-j", "sync", "--tags", NIGHTLY
    )


def backfilled(life: Life) -> "subprocess.Popen[str]":
    """The one run of a range that a backfill from the UI is."""
    select = " or ".join(f'key:"{name}"' for name in MONTHLY)
    return dagster(
        life,
        *("asset", "materialize", "-m", "pipeline.definitions", "--select", select),
        *("--partition-range", "2026-08...2026-10"),
    )


def months_due(life: Life) -> "subprocess.Popen[str]":
    """What the sensor starts after the schedule's sync."""
    due = running.due(life.settings)
    assert due is not None
    tags = json.dumps({**range_tags(due), **json.loads(NIGHTLY)})
    return dagster(
        life, "job", "execute", "-m", "pipeline.definitions", "-j", "months", "--tags", tags
    )


@pytest.mark.timeout(600)
def test_three_at_once(tmp_path: Path, databases: list[str]) -> None:
    company = Company(seed=5, customers=15, months=4, end=NOW)
    company.advance(NOW - timedelta(days=2))
    with ExitStack() as stack:
        services = [stack.enter_context(SandboxServer(company)) for _ in databases]
        calm, busy = (
            Life(tmp_path / name, service, url)
            for name, service, url in zip(("calm", "busy"), services, databases, strict=True)
        )
        for life in (calm, busy):
            first = life.night()
            assert first.code == 0, first.err
        services[0].advance(NOW)
        started = [scheduled(busy), backfilled(busy), busy.starts("run", "--json")]
        found = [ended(each) for each in started]
        for each in found:
            assert each.code == 0 or OVERTAKEN in each.err + each.out, each
        followed = ended(months_due(busy))
        assert followed.code == 0, followed.err
        one_by_one = calm.night()
        assert one_by_one.code == 0, one_by_one.err
        failed = [run for run in busy.runs() if run.status.value != "SUCCESS"]
        assert len(failed) == sum(each.code != 0 for each in found)
        assert differences(calm.tables(), busy.tables()) == {}
