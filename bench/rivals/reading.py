"""How a rival is measured: from its first connection to the server until it has read everything.

Runs with the rival's own Python, so it imports the standard library only.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from urllib.parse import urlsplit

from bench.measuring import peak_mebibytes

KEY = "rk_live_bench"


class Start:
    """When the first connection to a port was opened, by whatever library; what comes before is start-up."""

    def __init__(self, port: int | None) -> None:
        self.port = port
        self.wall = self.used = 0.0
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "socket.connect" and not self.wall:
            address = arguments[1]
            if isinstance(address, tuple) and address[1] == self.port:
                self.wall, self.used = time.monotonic(), time.process_time()


def measured(package: str, read: Callable[[str], int]) -> None:
    """Print what reading every subscription of the server at `sys.argv[1]` took.

    Args:
        package: the rival's name in the package index.
        read: reads everything at an address; how many objects that was.
    """
    url = sys.argv[1]
    start = Start(urlsplit(url).port)
    objects = read(url)
    if not start.wall:
        raise RuntimeError(f"{package} asked nothing of {url}")
    told = {
        "name": package,
        "version": version(package),
        "objects": objects,
        "seconds": round(time.monotonic() - start.wall, 2),
        "cpu_seconds": round(time.process_time() - start.used, 2),
        "peak_mebibytes": peak_mebibytes(),
    }
    print(json.dumps(told))
