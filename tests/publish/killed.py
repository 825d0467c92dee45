"""Who publishes until killed, and who reads meanwhile: `python -m tests.publish.killed publish|read WAREHOUSE`."""

import json
import sys
import threading
import time

from sqlalchemy import Engine

from pipeline.database import engine
from tests.publish.versions import at_once, one_by_one, publish_version, shown, told

PAUSE = 0.005
"""Seconds between two readings."""


def publish(warehouse: Engine) -> None:
    """One version after the other; tells of each when it begins and when it is done."""
    version = shown(at_once(warehouse))
    _say("ready")
    while True:
        version += 1
        _say(f"begins {version}")
        publish_version(warehouse, version)
        _say(f"done {version}")


def read(warehouse: Engine) -> None:
    """Read over and over until somebody writes a line; then tell what was seen."""
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    count, seen, mixed = 0, set(), []
    _say("ready")
    while not stop.is_set():
        for way in (at_once, one_by_one):
            state = way(warehouse)
            version = shown(state)
            count += 1
            seen.add(version)
            if state != told(version):
                mixed.append(f"{way.__name__}: {sorted(state.items() - told(version).items())}")
        time.sleep(PAUSE)
    _say(json.dumps({"readings": count, "versions": sorted(seen), "mixed": mixed[:5]}))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    act, url = sys.argv[1:]
    {"publish": publish, "read": read}[act](engine(url))
