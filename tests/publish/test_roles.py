"""The SQL of docs/operate.md makes a role that reads what is published and does nothing else."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from psycopg.errors import InsufficientPrivilege

from pipeline.database import engine, metadata, upgrade
from pipeline.database.migrate import alembic_config
from pipeline.schemas import PUBLISHED, SLACK_OUTBOX

pytestmark = pytest.mark.postgres

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "operate.md").read_text("utf-8")
PART = DOCUMENT.split("### A role for dashboards\n")[1].split("\n## ")[0]
ONCE, AFTER_EACH_UPGRADE = re.findall(r"```sql\n(.*?)\n```", PART, re.DOTALL)
READABLE = {table.name for table in PUBLISHED} - {SLACK_OUTBOX.name}
OWN = {*metadata.tables, "alembic_version"} - READABLE
FIRST = "0001"


def run(url: sa.URL, statements: str) -> None:
    """As `psql` would run them, each by itself."""
    target = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with target.connect() as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.exec_driver_sql(statement)


def readable(reader: sa.Engine, names: set[str]) -> set[str]:
    found = set()
    for name in names:
        with reader.connect() as connection:
            try:
                connection.exec_driver_sql(f"select count(*) from {name}")
            except sa.exc.ProgrammingError as error:
                if not isinstance(error.orig, InsufficientPrivilege):
                    raise
            else:
                found.add(name)
    return found


@dataclass(frozen=True)
class Granted:
    """The role's own connection, and what it could read of an upgrade before the second part was run again."""

    reader: sa.Engine
    at_once: set[str]


@pytest.fixture(scope="module")
def owner(postgres_server: sa.URL) -> Iterator[sa.URL]:
    """An empty database and its owner, both called as in the document."""
    run(postgres_server, "create role expansion login; create database expansion owner expansion")
    yield postgres_server.set(database="expansion", username="expansion", password=None)
    run(postgres_server, "drop database expansion with (force); drop role if exists dashboards")
    run(postgres_server, "drop role expansion")


@pytest.fixture(scope="module")
def granted(postgres_server: sa.URL, owner: sa.URL) -> Granted:
    """A warehouse of the first version with the role, upgraded since."""
    text = owner.render_as_string(hide_password=False)
    target = engine(text)
    with target.begin() as connection:
        command.upgrade(alembic_config(connection), FIRST)
    target.dispose()
    run(postgres_server.set(database="expansion"), ONCE)
    upgrade(text)
    reader = sa.create_engine(owner.set(username="dashboards"), poolclass=sa.NullPool)
    at_once = readable(reader, READABLE)
    run(owner, AFTER_EACH_UPGRADE)
    return Granted(reader, at_once)


def test_the_role_reads_published_tables_and_no_other(granted: Granted) -> None:
    assert readable(granted.reader, READABLE | OWN) == READABLE


def test_a_table_of_a_later_migration_can_be_read_at_once(granted: Granted) -> None:
    assert {"account_history", "cohort_growth"} <= granted.at_once
    assert "expansion_metrics" not in granted.at_once  # of the first version


@pytest.mark.parametrize(
    "statement",
    [
        "delete from expansion_metrics",
        "insert into account (account_id) values ('a')",
        "update silence set reason = ''",
        "truncate restatement",
        "drop table account",
        "create table mine (a int)",
        "create temporary table mine (a int)",
        "create schema mine",
    ],
)
def test_the_role_changes_nothing(granted: Granted, statement: str) -> None:
    with granted.reader.begin() as connection, pytest.raises(sa.exc.ProgrammingError) as raised:
        connection.exec_driver_sql(statement)
    assert re.search("permission denied|must be owner", str(raised.value))
