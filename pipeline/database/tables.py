"""SQLAlchemy's picture of the database: the published tables as the schemas have them, and the ledger.

Belongs here: tables. The published ones are made from `pipeline.schemas`; the ledger (which objects of the lake are
live, which generation of the timeline they belong to, who is syncing) is defined here.
"""

from datetime import UTC, datetime
from typing import Any

import polars as pl
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

from pipeline import schemas
from pipeline.database.types import Exact, Instant

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"}
)

STAMPED = {("data_quality", "at"): lambda: datetime.now(UTC)}
"""What is filled in as rows are written: PostgreSQL keeps no order of its own."""


def _sql_type(column: schemas.Column) -> TypeEngine[Any]:
    by_kind: dict[str, TypeEngine[Any]] = {
        "money": Exact(20, 6),
        "rate": Exact(24, 12),
        "ratio": Float(53),
        "month": Date(),
        "json": Text(),
    }
    by_dtype: dict[object, TypeEngine[Any]] = {
        pl.String: Text(),
        pl.Int64: BigInteger(),
        pl.Float64: Float(53),
        pl.Boolean: Boolean(),
        pl.Date: Date(),
        pl.Datetime("us", "UTC"): Instant(),
    }
    found = by_kind.get(column.kind)
    return found if found is not None else by_dtype[column.dtype]


def _published(table: schemas.Table) -> Table:
    keys = [name for name in table.key if name in table.published]
    columns = [table.column(name) for name in table.published]
    return Table(
        table.name,
        metadata,
        *(
            Column(
                column.name,
                _sql_type(column),
                primary_key=column.name in keys,
                nullable=column.name not in keys,
                default=STAMPED.get((table.name, column.name)),
                comment=column.doc,
            )
            for column in columns
        ),
        comment=f"{table.grain[0].upper()}{table.grain[1:]}.",
    )


for _table in schemas.PUBLISHED:
    _published(_table)


def table_of(table: schemas.Table) -> Table:
    """The warehouse table of a published table; KeyError when it is not published."""
    return metadata.tables[table.name]


lake_object = Table(
    "lake_object",
    metadata,
    Column("path", Text, primary_key=True, comment="Path of the object under the lake's root."),
    Column("table_name", Text, nullable=False, comment="The table it holds rows of."),
    Column("partition", Text, nullable=False, comment="The month, `source.stream`, or `_`."),
    Column("rows", BigInteger, nullable=False, comment="How many rows."),
    Column("bytes", BigInteger, nullable=False, comment="How many bytes."),
    Column("hash", Text, nullable=False, comment="Hash of the bytes."),
    Column("run_id", Text, nullable=False, comment="The run or sync that committed it."),
    Column(
        "generation",
        BigInteger,
        nullable=False,
        comment="Generation of the timeline then; 0 where none applies.",
    ),
    Column("created_at", Instant(), nullable=False, comment="When it was last committed."),
    Column("position", BigInteger, nullable=False, comment="Order of commits."),
    Column("live", Boolean, nullable=False, comment="Readers see it."),
    Column(
        "share",
        Integer,
        nullable=False,
        server_default="0",
        comment="The share of the accounts whose rows it holds, from 0.",
    ),
    Column(
        "shares",
        Integer,
        nullable=False,
        server_default="1",
        comment="In how many shares the accounts were written; 1: all of them are in it.",
    ),
    comment="One row per object of the lake that was committed.",
)
Index(None, lake_object.c.table_name, lake_object.c.partition, lake_object.c.live)

generation = Table(
    "generation",
    metadata,
    Column("name", Text, primary_key=True, comment="What is counted."),
    Column("number", BigInteger, nullable=False, comment="The generation in force."),
    comment="One row per counter that only moves forward.",
)

sync_lock = Table(
    "sync_lock",
    metadata,
    Column("name", Text, primary_key=True, comment="What is locked."),
    Column("owner", Text, nullable=False, comment="Who holds it: host, process, run."),
    Column("acquired_at", Instant(), nullable=False, comment="Since when."),
    Column(
        "beat_at", Instant(), nullable=False, comment="When the owner last showed that it lives."
    ),
    comment="One row per lock that is held.",
)

sync_progress = Table(
    "sync_progress",
    metadata,
    Column("source", Text, primary_key=True, comment="stripe, hubspot, salesforce or file."),
    Column(
        "source_account",
        Text,
        primary_key=True,
        comment="The account in it; empty for the key's own.",
    ),
    Column("sync_id", Text, nullable=False, comment="The unfinished sync."),
    Column("started_at", Instant(), nullable=False, comment="Its watermark."),
    Column("settings", Text, nullable=False, comment="What its records depend on."),
    Column(
        "extent",
        Text,
        nullable=False,
        comment="How much it reads: changes, listing or everything.",
    ),
    Column(
        "state",
        Text,
        nullable=False,
        comment="What is drained, what is left, and the counts, as JSON.",
    ),
    comment="One row per source and account with a sync that was not finished.",
)
