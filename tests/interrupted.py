"""Commands that hear Ctrl-C, whatever the process that tests them was started with.

Belongs here: how such a command is begun. One that a shell starts in the background ignores interrupts, and so do the
processes that it starts.
"""

import sys

HEARS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Becomes the command that it is given."""


def hearing(*arguments: str) -> list[str]:
    """Python with these arguments, hearing interrupts."""
    return [sys.executable, "-c", HEARS, sys.executable, *arguments]
