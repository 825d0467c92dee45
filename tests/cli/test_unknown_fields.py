"""A field or a value that Stripe adds is named to people, and the field's content is nowhere."""

import json

import pytest
from sqlalchemy import select

from pipeline import database, schemas
from pipeline.sandbox.server import SandboxServer
from tests.cli.changed import Changed, Json
from tests.cli.desk import Desk
from tests.cli.written import found

SECRET = "4242 private words"


def _newer(each: Json) -> None:
    if each["object"] == "subscription":
        each["loyalty"] = {"note": SECRET}
    elif each["object"] == "product":
        each["type"] = "gift_card"


def test_what_nobody_knows_is_named_and_not_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with SandboxServer(desk.services.company, conditions=Changed(_newer)) as services:
        newer = Desk(desk.folder, services, monkeypatch, capfd)
        said = newer.types("sync")
    assert said.code == 0, said
    engine = database.engine(newer.settings.warehouse_url)
    try:
        quality = database.table_of(schemas.DATA_QUALITY)
        with database.reading(engine) as connection:
            rows = connection.execute(
                select(quality).where(quality.c.check == "stripe_records everything_known")
            ).all()
    finally:
        engine.dispose()
    (row,) = rows
    assert (row.passed, row.severity) == (False, "warning")
    figures = json.loads(row.figures)
    assert {name.partition(": ")[2] for name in figures} == {
        "subscription.loyalty",
        "product.type=gift_card",
    }
    assert figures["subscription: subscription.loyalty"] > 0
    assert figures["event: subscription.loyalty"] > 0
    for name, times in figures.items():
        assert f"{name} ({times} times)" in said.err
    assert found(newer.folder, [SECRET]) == []


def test_where_everything_is_known_nothing_is_said(worked: Desk) -> None:
    assert "does not know" not in worked.types("sync").err
