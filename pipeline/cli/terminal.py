"""What a person sees while a command works.

Belongs here: consoles and progress. Results go to stdout, everything else to stderr.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.lake.progress import Progress as Pulled

SYNC = {
    "stripe_records": "Reading Stripe",
    "crm_records": "Reading the CRM",
    "item_timeline": "Folding evidence into the timeline",
    "fx_rate": "Exchange rates",
    "accounts": "Linking customers to accounts",
}
MONTHS = {
    "mrr": "Snapshots, movements and components",
    "expansion_metrics": "Expansion metrics",
    "expansion_cohort": "Cohorts",
    "expansion_attribution": "Who brought the expansion",
    "readiness_score": "Scoring who expands next",
    "warehouse": "Publishing to the warehouse",
    "alert_evaluation": "Evaluating alerts",
    "experiment_result": "Results of experiments",
    "slack_delivery": "Delivering to Slack",
    "readiness_list": "The weekly list of who expands next",
    "report": "Writing the report",
}
"""The steps of the night's two jobs, in words; every one of them, as their number is the bar's total."""
STEPS = SYNC | MONTHS
WIDTH = 100


def out() -> Console:
    """The console for results, wide enough for their tables; a name that looks like a format is printed as it is."""
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = max(console.width, WIDTH) if console.is_terminal else WIDTH
    return console


def print_rows(rows: Iterable[tuple[str, str]]) -> None:
    """A line each: its name and what it says."""
    console = out()
    for name, value in rows:
        console.print(Text.assemble((f"{name:<14} ", "bold"), value), soft_wrap=True)


@dataclass
class Begun:
    """A run of Dagster's that a command began.

    Attributes:
        run_id: its id.
        job: its job.
        failed: the steps that failed.
    """

    run_id: str
    job: str
    failed: list[str] = field(default_factory=list)


@dataclass
class Watch:
    """Progress of a command over several Dagster runs.

    Attributes:
        bar: where it is drawn; null where stderr is no terminal.
        warnings: what runs warned of, in order.
        last: the run that goes on or failed; null where none does.
    """

    bar: Progress | None = None
    warnings: list[str] = field(default_factory=list)
    last: Begun | None = None
    _task: int | None = None

    def begin(self, steps: int) -> None:
        """Announce that the command has so many steps; what was announced before stays."""
        if self.bar and self._task is None:
            self._task = self.bar.add_task("Starting", total=steps, detail="")

    def step(self, name: str) -> None:
        """A step begins."""
        self._update(description=STEPS.get(name, name), detail="")

    def done(self) -> None:
        """A step is complete."""
        self._update(advance=1)

    def page(self, pulled: Pulled) -> None:
        """A source returned a page."""
        self._update(detail=pulled.told)

    def say(self, description: str) -> None:
        """Something that is no step of Dagster's."""
        self._update(description=description, detail="")

    def _update(self, **changes: object) -> None:
        if self.bar and self._task is not None:
            self.bar.update(self._task, **changes)  # type: ignore[arg-type]


@contextmanager
def watching() -> Iterator[Watch]:
    """Progress on stderr while the block lasts, if that is a terminal; then the warnings."""
    # Dagster redirects the process's stderr into its log during a run; the copy stays the terminal.
    with os.fdopen(os.dup(2), "w") as stderr:
        console = Console(file=stderr, highlight=False)
        watch = Watch()
        if console.is_terminal:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[detail]}"),
            )
            with Progress(*columns, console=console, transient=True) as bar:
                watch.bar = bar
                yield watch
        else:
            yield watch
        for warning in watch.warnings:
            console.print(f"warning: {warning}", markup=False, soft_wrap=True)
