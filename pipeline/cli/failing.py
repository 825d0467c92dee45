"""A night of the command's that failed, told to operations: cron reads no screen.

Belongs here: when it is told, and that nothing about telling hides what went wrong. Does not belong here: the message
and its way (`pipeline.assets.failures`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from pipeline.assets import failures
from pipeline.cli import outside
from pipeline.cli.terminal import Watch
from pipeline.errors import PipelineError
from pipeline.settings import Settings


@contextmanager
def told(settings: Settings, watch: Watch) -> Iterator[None]:
    """Tell operations where the block fails; the error goes on as it was. Of Ctrl-C nobody is told."""
    try:
        yield
    except Exception as error:
        if failures.connected(settings):
            _tell(settings, watch, error)
        raise


def _tell(settings: Settings, watch: Watch, error: Exception) -> None:
    began = watch.last
    if began is None:
        _warn("no run was going on")
        return
    told = None if isinstance(error, PipelineError) else outside.explained(error)
    try:
        if not failures.tell_of_command(
            settings, began.run_id, began.job, began.failed, told or error
        ):
            _warn("neither warehouse nor Slack takes it")
    except Exception as another:  # whatever it is, the night's own error is what counts
        _warn(type(another).__name__)


def _warn(why: str) -> None:
    click.echo(f"warning: operations were not told in Slack: {why}.", err=True)
