"""Many rows into one table, as fast as the database takes them: COPY on PostgreSQL, INSERT on SQLite.

Belongs here: the two ways. Both write within the caller's transaction.
"""

from typing import Any

import polars as pl
from sqlalchemy import Connection, Dialect, insert
from sqlalchemy.types import TypeEngine

from pipeline.database import table_of
from pipeline.publish.rows import CHUNK, shown
from pipeline.schemas import Table

NOTHING = "\x01"
"""What stands for null in a COPY; no text that people or machines write is only this."""


def insert_rows(connection: Connection, table: Table, frame: pl.DataFrame) -> int:
    """Add `frame` (of `table`'s schema, money in micro-units) to the warehouse; returns how many rows it has.

    Raises:
        SchemaMismatch: the frame lacks a column.
    """
    if connection.dialect.name == "postgresql":
        _copy(connection, table, shown(table, frame))
    else:
        _insert(connection, table, shown(table, frame))
    return frame.height


def _insert(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    # SQLAlchemy would look at each value by itself: what its types make of them is asked for by column.
    stored, dialect = table_of(table), connection.dialect
    statement = insert(stored).compile(dialect=dialect, column_keys=rows.columns)
    names = statement.positiontup or []
    for chunk in rows.iter_slices(CHUNK):
        values = [
            _bound(chunk.get_column(name).to_list(), stored.c[name].type, dialect) for name in names
        ]
        connection.exec_driver_sql(str(statement), list(zip(*values, strict=True)))


def _bound(values: list[Any], kind: TypeEngine[Any], dialect: Dialect) -> list[Any]:
    """Values of a column as the database's driver takes them."""
    bind = kind.dialect_impl(dialect).bind_processor(dialect)
    return list(map(bind, values)) if bind else values


def _copy(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    from psycopg import sql  # noqa: PLC0415 - a SQLite warehouse needs none of it

    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, NULL {})").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, rows.columns)),
        sql.Literal(NOTHING),
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for chunk in rows.iter_slices(CHUNK):
            copy.write(
                chunk.write_csv(
                    include_header=False,
                    null_value=NOTHING,
                    datetime_format="%Y-%m-%d %H:%M:%S%.6f%:z",
                )
            )
