"""A read-then-write by several processes loses no update."""

import multiprocessing
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from pipeline.database import engine, generation, reading, upgrade
from pipeline.database.engine import lock_ledger
from pipeline.errors import ConfigError


def increment(url: str, times: int) -> None:
    made = engine(url)
    for _ in range(times):
        with made.begin() as connection:
            lock_ledger(connection)
            number = connection.scalar(select(generation.c.number))
            connection.execute(update(generation).values(number=number + 1))
    made.dispose()


def test_increments_of_four_processes_add_up(url: str) -> None:
    upgrade(url)
    made = engine(url)
    with made.begin() as connection:
        connection.execute(insert(generation).values(name="counter", number=0))
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=increment, args=(url, 60)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    with reading(made) as connection:
        assert connection.scalar(select(generation.c.number)) == 240
    made.dispose()


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/warehouse.db"
    upgrade(url)
    made = engine(url)
    with made.begin() as writer:
        writer.execute(insert(generation).values(name="counter", number=1))
        with reading(made) as reader:
            assert reader.scalar(select(generation.c.number)) is None
    made.dispose()


@pytest.mark.parametrize("url", ["nonsense", "oracle9://me:secret@db/x"])
def test_an_impossible_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="WAREHOUSE_URL") as caught:
        engine(url)
    assert "secret" not in str(caught.value)
