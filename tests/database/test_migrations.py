"""The database after `upgrade` is what the schemas say."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, select

from pipeline.database import engine, metadata, pending, table_of, upgrade
from pipeline.schemas import ALERT_STATE, EXPANSION_METRICS, FX_RATE, MRR_MOVEMENT, PUBLISHED


@pytest.fixture
def migrated(url: str) -> Iterator[Engine]:
    assert pending(url)
    upgrade(url)
    assert not pending(url)
    made = engine(url)
    yield made
    made.dispose()


def test_the_revisions_make_what_the_schemas_say(migrated: Engine, url: str) -> None:
    upgrade(url)  # a second time changes nothing
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_every_published_table_has_the_contracts_columns_and_key(migrated: Engine) -> None:
    found = inspect(migrated)
    for table in PUBLISHED:
        columns = [column["name"] for column in found.get_columns(table.name)]
        keys = found.get_pk_constraint(table.name)["constrained_columns"]
        assert columns == list(table.published)
        assert keys == [name for name in columns if name in table.key]
    assert found.get_pk_constraint(MRR_MOVEMENT.name)["constrained_columns"] == [
        "month",
        "account_id",
    ]


def test_tables_and_columns_carry_their_sentence(migrated: Engine) -> None:
    if migrated.dialect.name == "sqlite":
        pytest.skip("SQLite has no comments")
    found = inspect(migrated)
    assert found.get_table_comment(FX_RATE.name)["text"] == "One row per month and currency."
    comments = {
        column["name"]: column["comment"] for column in found.get_columns(EXPANSION_METRICS.name)
    }
    assert comments == {column.name: column.doc for column in EXPANSION_METRICS.columns}


def test_money_rates_and_instants_come_back_as_they_were(migrated: Engine) -> None:
    rates, states = table_of(FX_RATE), table_of(ALERT_STATE)
    at = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    row = {
        "month": date(2026, 3, 1),
        "currency": "eur",
        "rate": Decimal("1.083123456789"),
        "source": "ecb",
    }
    with migrated.begin() as connection:
        connection.execute(rates.insert().values(**row, frozen=True))
        connection.execute(states.insert().values(fingerprint="a|total|all", updated_at=at))
    with migrated.connect() as connection:
        assert connection.scalar(select(rates.c.rate)) == Decimal("1.083123456789")
        found = connection.scalar(select(states.c.updated_at))
    assert found == at
    assert found is not None
    assert found.tzinfo is UTC
