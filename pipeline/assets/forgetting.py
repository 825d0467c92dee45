"""Forgetting a person: nothing that names them is kept in lake, warehouse and outbox, and every figure stays.

Belongs here: where personal data is stored, and that all of it goes in one transaction. Who is meant is told by
`pipeline.assets.forgotten`, what is personal in a record by `pipeline.sources.erasing`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import polars as pl
from sqlalchemy import Connection, update

from pipeline.alerts.delivery.clearing import clear_names
from pipeline.assets import covered, forgotten, night
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.database.engine import scrub
from pipeline.lake import LiveObject, StagedObject, unfinished
from pipeline.lake.landing import LOCK
from pipeline.lake.lock import WAIT_SECONDS, held
from pipeline.lake.objects import ROW_GROUP
from pipeline.schemas import (
    ACCOUNT,
    CUSTOMER,
    FORGOTTEN,
    OBSERVED_CUSTOMER,
    RAW_RECORD,
    TABLES,
)
from pipeline.sources import Source
from pipeline.sources.erasing import Erasing, Forgetful, hash_of

NAMING = (RAW_RECORD, OBSERVED_CUSTOMER, CUSTOMER, ACCOUNT)
"""The lake's tables that name people."""

Pair = tuple[LiveObject, StagedObject]


@dataclass(frozen=True, slots=True)
class Done:
    """What was erased."""

    customers: tuple[str, ...]
    records: int
    """Raw records that lost something."""


def respected(place: Place, sources: Sequence[Source]) -> list[Source]:
    """The sources, such that they bring nothing personal of those who are forgotten."""
    return [
        Forgetful(each, lambda: _erasing(place, place.lake.scan(FORGOTTEN).collect()))
        for each in sources
    ]


def forget(place: Place, who: str, wait_seconds: float = WAIT_SECONDS) -> Done:
    """Erase a person; no sync runs meanwhile, and what other runs read before is refused when they would show it.

    Args:
        place: where.
        who: a Stripe customer id, or an e-mail address of one or more customers.
        wait_seconds: how long to wait for a sync that runs.

    Raises:
        UnknownAccount: no customer is meant.
        LockHeld: a sync is running all the time.
    """
    run_id = str(uuid4())
    with held(place.engine, LOCK, run_id, wait_seconds):
        customers = forgotten.customers(place, who)
        new = forgotten.rows(place, customers)
        erasing = _erasing(place, pl.concat([place.lake.scan(FORGOTTEN).collect(), new]))
        hashes: dict[str, str] = {}
        names: set[str] = set()
        pairs = list(_raw(place, erasing, hashes, names))
        pairs += _derived(place, erasing, hashes, names)
        accounts = forgotten.accounts(erasing)

        def also(connection: Connection) -> None:
            unfinished.drop_all(connection)
            _clear_accounts(connection, erasing.customers, accounts)
            clear_names(connection, names)
            covered.clear(connection, erasing.customers)

        # First: if this process dies now, nobody comes back, and the same command erases the rest.
        place.lake.commit([place.lake.write(FORGOTTEN, new)], run_id=run_id)
        place.lake.rewrite(pairs, run_id=run_id, bump=night.TIMELINE, also=also)
        place.lake.collect_orphans(timedelta(seconds=-1), NAMING)
        scrub(place.engine)
    return Done(tuple(sorted(customers)), len(hashes))


def _erasing(place: Place, stored: pl.DataFrame) -> Erasing:
    config = place.settings.config
    ids: dict[tuple[str, str], frozenset[str]] = {
        (str(source), str(stream)): frozenset(part["id"])
        for (source, stream), part in stored.partition_by("source", "stream", as_dict=True).items()
    }
    return Erasing(ids, config.crm.metadata_keys, config.exclude.email_domains)


def _raw(place: Place, erasing: Erasing, hashes: dict[str, str], names: set[str]) -> Iterator[Pair]:
    """Each raw object that names them, and what is written in its place; fills old hash -> new, and the names."""
    ids = sorted({each for found in erasing.ids.values() for each in found})
    for old in place.lake.live():
        if old.table != RAW_RECORD.name:
            continue
        rows = place.lake.read(RAW_RECORD, [old.path])
        named = pl.col("payload").str.contains_any(ids) | pl.col("id").is_in(ids)
        if rows.filter(named).select("id").limit(1).collect().is_empty():
            continue
        frame = rows.with_row_index("_row").collect()
        changed = []
        found = frame.filter(named).select("_row", "source", "stream", "id", "payload", "hash")
        for row, source, stream, id_, payload, digest in found.iter_rows():
            left = erasing.payload(source, stream, id_, payload.encode())
            if left is not None:
                hashes[digest] = hash_of(left)
                names |= forgotten.names((source, stream), payload)
                changed.append((row, left.decode(), hashes[digest]))
        if changed:
            new = pl.DataFrame(
                changed,
                schema={"_row": pl.UInt32, "payload": pl.String, "hash": pl.String},
                orient="row",
            )
            yield (
                old,
                place.lake.write(
                    RAW_RECORD,
                    frame.update(new, on="_row").drop("_row"),
                    old.partition,
                    row_group=ROW_GROUP,
                ),
            )


def _derived(
    place: Place, erasing: Erasing, hashes: dict[str, str], names: set[str]
) -> Iterator[Pair]:
    """The objects of other tables that name them, and what is written in their place."""
    mine = pl.col("customer_id").is_in(sorted(erasing.customers))
    own, theirs = (
        pl.col("account_id").is_in(sorted(each))
        for each in (erasing.customers, forgotten.accounts(erasing))
    )
    metadata = pl.struct("metadata").map_elements(
        lambda row: _kept_metadata(row["metadata"], erasing), return_dtype=pl.String
    )
    email = pl.col("email").map_elements(
        lambda text: _kept_email(text, erasing), return_dtype=pl.String
    )
    person = {"name": None, "email": email, "metadata": metadata}
    changes: dict[str, tuple[pl.Expr, dict[str, Any]]] = {
        CUSTOMER.name: (mine, person),
        OBSERVED_CUSTOMER.name: (mine, {**person, "hash": pl.col("hash").replace(hashes)}),
        ACCOUNT.name: (own | theirs, {"name": pl.when(own).then("account_id")}),
    }
    for old in place.lake.live():
        if old.table not in changes:
            continue
        whose, new = changes[old.table]
        frame = place.lake.read(TABLES[old.table], [old.path]).collect()
        if frame.filter(whose).is_empty():
            continue
        names |= set(frame.filter(whose)["name"].drop_nulls()) - erasing.customers
        columns = {
            name: pl.when(whose).then(value).otherwise(pl.col(name)) for name, value in new.items()
        }
        left = frame.with_columns(**columns)
        if not left.equals(frame):
            table = TABLES[old.table]
            yield old, place.lake.write(table, left, old.partition, row_group=ROW_GROUP)


def _kept_metadata(text: str | None, erasing: Erasing) -> str | None:
    if text is None:
        return None
    left = erasing.left({"metadata": json.loads(text)})
    return json.dumps(left["metadata"], separators=(",", ":"))


def _kept_email(text: str, erasing: Erasing) -> str | None:
    left: str | None = erasing.left({"email": text}).get("email")
    return left


def _clear_accounts(connection: Connection, own: frozenset[str], theirs: set[str]) -> None:
    account = table_of(ACCOUNT)
    for ids, name in ((own, account.c.account_id), (theirs, None)):
        connection.execute(
            update(account).where(account.c.account_id.in_(sorted(ids))).values(name=name)
        )
