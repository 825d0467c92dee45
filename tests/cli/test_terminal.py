"""What a person sees while a command works: every step by its name, and a bar that ends when the work does."""

import io
from collections.abc import Mapping

import pytest
from rich.console import Console
from rich.progress import Progress

from pipeline.cli import terminal, work
from pipeline.definitions import build_definitions
from tests.cli.desk import Desk


@pytest.mark.parametrize(("job", "labels"), [("sync", terminal.SYNC), ("months", terminal.MONTHS)])
def test_every_step_of_the_night_has_a_label(
    desk: Desk, job: str, labels: Mapping[str, str]
) -> None:
    steps = build_definitions(desk.settings).resolve_job_def(job).nodes_in_topological_order
    assert {step.name for step in steps} == set(labels)


def test_the_bar_of_a_night_ends_full(worked: Desk) -> None:
    with Progress(console=Console(file=io.StringIO())) as bar:
        work.night_in_process(worked.settings, terminal.Watch(bar=bar))
    (task,) = bar.tasks
    assert task.completed == task.total == len(terminal.STEPS)
