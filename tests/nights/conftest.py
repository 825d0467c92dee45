"""Two empty warehouses on PostgreSQL: one for an installation that is disturbed, one for an undisturbed one."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa

from pipeline.database import upgrade


@pytest.fixture
def databases(postgres_server: sa.URL) -> Iterator[list[str]]:
    """Two warehouses."""
    names = [f"nights_{uuid4().hex}" for _ in range(2)]
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    urls = []
    for name in names:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"create database {name}")
        urls.append(postgres_server.set(database=name).render_as_string(hide_password=False))
        upgrade(urls[-1])
    yield urls
    with admin.connect() as connection:
        for name in names:
            connection.exec_driver_sql(f"drop database {name} with (force)")
