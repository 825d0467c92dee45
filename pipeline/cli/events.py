"""How the command keeps Dagster's events: those of one asset's months in one transaction.

Belongs here: the instance that a command opens. Dagster's SQLite storage opens two databases anew for each event, some
milliseconds that a range of 60 months pays 1,900 times. Dagster hands events that belong together over in batches, and
may note all planned months of an asset in one event, where the environment says so. Other storages, as PostgreSQL, take
batches themselves; what the daemon launches is as Dagster has it.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import CursorResult

BATCHES = {
    "DAGSTER_EVENT_BATCH_SIZE": "1000",
    "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS": "true",
}
"""What Dagster reads of the environment, at each event."""


class BatchedEvents(SqliteEventLogStorage):
    """Dagster's SQLite storage, which stores a batch as one."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "BatchedEvents":
        """As Dagster makes it from a configuration."""
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events of one run: materialisations, planned or done, in one transaction of each database."""
        together = [event for event in events if _of_an_asset(event)]
        for event in events:
            if not _of_an_asset(event):
                self.store_event(event)
        if not together:
            return
        statements = [self.prepare_insert_event(event) for event in together]
        with self.run_connection(together[0].run_id) as connection:
            for statement in statements:
                connection.execute(statement)
        with self.index_transaction() as connection:
            ids = [_number(connection.execute(statement)) for statement in statements]
            self._store_asset_event_tags(connection, together, ids)
            # What an asset's own row says is of its newest event.
            newest = {_asset(event): (event, id_) for event, id_ in zip(together, ids, strict=True)}
            for event, id_ in newest.values():
                self._store_asset_event(connection, event, id_)


def instance(home: Path) -> dg.DagsterInstance:
    """The instance on DAGSTER_HOME; its events are kept in batches where they are kept in SQLite."""
    ref = InstanceRef.from_dir(str(home))
    kept = ref.event_storage_data
    if kept is None or kept.class_name != SqliteEventLogStorage.__name__:
        return dg.DagsterInstance.from_ref(ref)
    for name, value in BATCHES.items():
        os.environ.setdefault(name, value)
    batched = ConfigurableClassData(__name__, BatchedEvents.__name__, kept.config_yaml)
    return dg.DagsterInstance.from_ref(ref._replace(event_storage_data=batched, storage_data=None))


def _asset(event: dg.EventLogEntry) -> dg.AssetKey | None:
    return event.dagster_event.asset_key if event.dagster_event else None


def _of_an_asset(event: dg.EventLogEntry) -> bool:
    told = event.dagster_event
    return told is not None and (
        told.is_step_materialization or told.is_asset_materialization_planned
    )


def _number(result: CursorResult[Any]) -> int:
    """The storage's number of an event that was just inserted."""
    (number,) = result.inserted_primary_key or (0,)
    return int(number)
