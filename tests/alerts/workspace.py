"""A Slack that tests deliver to, and outboxes to deliver from."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sqlalchemy import Engine, func, insert, select

from pipeline.alerts.delivery import SlackConfig
from pipeline.database import engine, table_of, upgrade
from pipeline.sandbox.server import SLACK_TOKEN, SandboxServer
from pipeline.sandbox.slack_api import ALL_SCOPES
from pipeline.sandbox.web.slack_faults import SlackFaults
from pipeline.schemas import SLACK_OUTBOX

Json = dict[str, Any]
WAITS, SILENCE, SETTLING = 2.0, 2.5, 0.05
"""Seconds: how long the client waits, how long a silent Slack takes, how long an unclear post may be on its way."""
NOW = datetime(2026, 3, 4, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Workspace:
    """A simulated Slack and how it behaves."""

    server: SandboxServer
    faults: SlackFaults

    @property
    def config(self) -> SlackConfig:
        """The way there with a bot token, in a hurry."""
        return SlackConfig(
            token=SLACK_TOKEN, api_base=self.server.slack_url, timeout=WAITS, settling=SETTLING
        )

    @property
    def webhook(self) -> SlackConfig:
        """The way there with an incoming webhook."""
        return SlackConfig(webhook=self.server.slack_webhook_url, timeout=WAITS, settling=SETTLING)

    def may(self, *scopes: str) -> None:
        """The token may do this and nothing else."""
        self.server.slack.scopes = frozenset(scopes)

    def may_not(self, scope: str) -> None:
        """The token may do everything else."""
        self.server.slack.scopes = ALL_SCOPES - {scope}

    @property
    def messages(self) -> list[Json]:
        """Everything that was posted, in this order."""
        found = [each for channel in self.server.store for each in channel.messages]
        return sorted(found, key=lambda each: str(each["ts"]))

    @property
    def said(self) -> list[Json]:
        """Of these the messages; the others are charts."""
        return [each for each in self.messages if not each.get("files")]

    @property
    def keys(self) -> list[str]:
        """The keys of the messages that have one, in the order in which they were posted."""
        return [
            each["metadata"]["event_payload"]["key"]
            for each in self.messages
            if each.get("metadata")
        ]


@contextmanager
def workspace(faults: SlackFaults | None = None) -> Iterator[Workspace]:
    """A Slack for as long as the `with` block lasts."""
    day = faults or SlackFaults(silence=SILENCE)
    with SandboxServer(None, conditions=day) as server:
        yield Workspace(server, day)


@cache
def _migrated() -> Path:
    made = Path(mkdtemp(prefix="outbox-")) / "warehouse.db"
    upgrade(f"sqlite:///{made}")
    return made


def empty_warehouse(folder: Path) -> Engine:
    """A migrated warehouse in SQLite."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_migrated(), folder / "warehouse.db")
    return engine(f"sqlite:///{folder / 'warehouse.db'}")


def put(warehouse: Engine, key: str, kind: str = "fired", *episodes: str, **payload: Any) -> None:
    """Put a message into the outbox."""
    said = {"text": f"text of {key}", "blocks": [], "episodes": list(episodes)} | payload
    row: Json = {
        "key": key,
        "episode_id": episodes[0] if len(episodes) == 1 else None,
        "kind": kind,
        "channel": "#revenue",
        "payload_json": json.dumps(said),
        "status": "pending",
        "attempts": 0,
        "next_at": NOW,
    }
    table = table_of(SLACK_OUTBOX)
    with warehouse.begin() as connection:
        place = connection.scalar(select(func.count()).select_from(table)) or 0
        row["created_at"] = NOW + timedelta(microseconds=place)
        connection.execute(insert(table), [row])


def outbox(warehouse: Engine) -> dict[str, Mapping[str, Any]]:
    """Every message of the outbox by its key, oldest first."""
    table = table_of(SLACK_OUTBOX)
    with warehouse.connect() as connection:
        rows = connection.execute(select(table).order_by(table.c.created_at, table.c.key))
        return {row["key"]: dict(row) for row in rows.mappings()}
