"""What `expansion doctor` says, by the name of each finding."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.sandbox.server import SandboxServer
from tests.cli.desk import Desk

READER = "rk_test_reader"
STREAMS = 11


class Report:
    """What the command printed as JSON, by the name of each finding."""

    def __init__(self, desk: Desk) -> None:
        said = desk.types("doctor", "--json")
        self.code = said.code
        self.all = json.loads(said.out)
        self.found = {each["what"]: each for each in self.all}
        assert desk.environment.get("STRIPE_API_KEY", "nothing") not in said.out + said.err

    def verdict(self, what: str) -> str:
        return str(self.found[what]["verdict"])

    def said(self, what: str) -> str:
        return str(self.found[what]["said"])


@contextmanager
def instead(desk: Desk, services: SandboxServer, **how: Any) -> Iterator[SandboxServer]:
    """The same company behind another server."""
    with SandboxServer(services.company, **how) as server:
        desk.environment |= server.environment()
        yield server
