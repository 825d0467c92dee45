"""The group of commands on alerts.

Belongs here: the list of them.
"""

import click

from pipeline.cli.alerts.hush import ack, silence, unsilence
from pipeline.cli.alerts.replay import backtest
from pipeline.cli.alerts.send import test
from pipeline.cli.alerts.stand import status


@click.group()
def alerts() -> None:
    """Alerts: how they stand, a sample, a silence, and what the rules would have said in the past."""


for _command in (status, test, silence, unsilence, ack, backtest):
    alerts.add_command(_command)
