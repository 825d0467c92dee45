"""The group of commands, and what becomes of an error.

Belongs here: one clear line on stderr for anything that a person can put right, and the exit code.
"""

import io
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

import click
from sqlalchemy.exc import DBAPIError

from pipeline.cli import outside
from pipeline.cli.alerts import alerts
from pipeline.cli.demo import demo
from pipeline.cli.doctor import doctor
from pipeline.cli.experiment import experiment
from pipeline.cli.explain import explain
from pipeline.cli.export import export
from pipeline.cli.forget import forget
from pipeline.cli.initialise import init
from pipeline.cli.ready import ready
from pipeline.cli.report import report
from pipeline.cli.restatements import restatements
from pipeline.cli.sandbox import sandbox
from pipeline.cli.warehouse import db
from pipeline.cli.work import backfill, run, sync
from pipeline.errors import PipelineError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="expansion-pipeline", prog_name="expansion")
def cli() -> None:
    """Where revenue expansion comes from: MRR snapshots, movements, NRR, GRR and alerts from Stripe and CRM data."""


COMMANDS = (
    *(demo, init, doctor, sync, run, backfill, explain, report, restatements, export, alerts),
    *(ready, experiment, db, forget, sandbox),
)
for _command in COMMANDS:
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    # Partitions and backfill policies are marked beta by Dagster; the design rests on them.
    warnings.filterwarnings("ignore", message=".*is currently in (beta|preview)")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has no ✓ shows another sign; that is no reason to end.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        cli.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.exceptions.Exit as left:
        sys.exit(left.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "Stopped. What was finished is kept; start the command again to go on.", err=True
        )
        sys.exit(INTERRUPTED)
    except PipelineError as error:
        _leave(error)
    except (OSError, DBAPIError, OverflowError, ValueError) as error:
        told = outside.explained(error)
        if told is None:
            raise
        _leave(told)


def _leave(error: PipelineError) -> NoReturn:
    click.echo(f"expansion: {error}", err=True)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
