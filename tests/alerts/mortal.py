"""Nights in processes of their own, for those who kill them: `python -m tests.alerts.mortal`.

Each line of the input is a night: a child lives it. Its number is printed when it begins; when it is over, its exit
code and the seconds of processor time that it took.
"""

import importlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

# Loaded once for all children. Polars is not: it starts threads, and a fork has none of them.
LOADED = [
    importlib.import_module(name) for name in ("alembic", "pydantic", "slack_sdk", "sqlalchemy")
]


def live(asked: Mapping[str, Any]) -> None:
    """Live one night, up to its end or to that of its time."""
    from pipeline.alerts.delivery import SlackConfig  # noqa: PLC0415
    from pipeline.database import engine  # noqa: PLC0415
    from tests.alerts import lived  # noqa: PLC0415

    warehouse = engine(asked["warehouse"])
    if asked["dies_after"]:
        # Nobody handles the signal, so it ends the process wherever it is; a busy machine changes nothing.
        signal.setitimer(signal.ITIMER_PROF, asked["dies_after"])
    lived.night(warehouse, SlackConfig(**asked["slack"]), datetime.fromisoformat(asked["now"]))


def say(word: object) -> None:
    """One line for who asked."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for line in sys.stdin:
        child = os.fork()
        if not child:
            live(json.loads(line))
            os._exit(0)
        say(child)
        _, status, used = os.wait4(child, 0)
        say(f"{os.waitstatus_to_exitcode(status)} {used.ru_utime + used.ru_stime}")
