"""A desk: a folder with a configuration, the simulated services behind it, and the command as a person types it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline import database
from pipeline.cli.main import main
from pipeline.publish import published
from pipeline.sandbox.server import SandboxServer
from pipeline.settings import Settings

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CONFIG = """\
[fx]
source = "fixed"
[fx.rates]
eur = 1.08

[[alerts]]
id = "expansion-floor"
kind = "floor"
threshold = 0.02

[stripe]
requests_per_second = 2000
"""


@dataclass(frozen=True)
class Said:
    """What one command said, and how it left."""

    code: int
    out: str
    err: str


class Desk:
    """Types commands in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        services: SandboxServer,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        self.folder = folder
        self.services = services
        self._monkeypatch = monkeypatch
        self._capfd = capfd
        self.environment: dict[str, str] = dict(services.environment())

    def types(self, *arguments: str) -> Said:
        """Run `expansion` with these arguments."""
        with self._monkeypatch.context() as here:
            here.chdir(self.folder)
            for name, value in self.environment.items():
                here.setenv(name, value)
            self._capfd.readouterr()
            try:
                main(arguments)
                code = 0
            except SystemExit as left:
                code = int(left.code or 0)
        told = self._capfd.readouterr()
        return Said(code, told.out, told.err)

    def reads(self, *arguments: str) -> Any:
        """What `expansion` says with these arguments as JSON."""
        said = self.types(*arguments, "--json")
        assert said.code == 0, said
        return json.loads(said.out)

    def published(self, table: str) -> pl.DataFrame:
        """The rows of a table of the warehouse."""
        engine = database.engine(self.settings.warehouse_url)
        try:
            return published(engine, table)
        finally:
            engine.dispose()

    @property
    def settings(self) -> Settings:
        return Settings.load(self.environment, self.folder)

    @property
    def messages(self) -> int:
        """How many messages the simulated Slack has."""
        return sum(len(channel.messages) for channel in self.services.store)

    @property
    def manifest(self) -> bytes | None:
        path = self.folder / "data/lake/_manifest.json"
        return path.read_bytes() if path.exists() else None
