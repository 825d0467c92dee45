"""A person is forgotten: no name, e-mail or note is left anywhere, and every figure is the same to the last byte."""

import json
from collections.abc import Iterator

import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal
from sqlalchemy import insert, select

from pipeline import schemas
from pipeline.assets.place import Place
from pipeline.cli.main import cli
from pipeline.database import table_of
from pipeline.sandbox.server import SandboxServer
from tests.cli.changed import Changed, Json
from tests.cli.desk import Desk
from tests.cli.test_restore import figures
from tests.cli.written import found

LINKED, ALONE = True, False


def _planted(each: Json) -> None:
    """What people write into Stripe."""
    if each["object"] == "customer":
        each["metadata"] = {"contact": f"ask for {each['id']} Smith"}
    elif each["object"] in {"subscription", "subscription_schedule"}:
        each["metadata"] = {"note": f"{each['customer']} is Ann's cousin"}


class Person:
    """A customer of the desk's company, and what is personal of it."""

    def __init__(self, desk: Desk, place_in_order: int = 0) -> None:
        place = Place(desk.settings)
        try:
            links = place.lake.scan(schemas.ACCOUNT_LINK).collect()
            customers = place.lake.scan(schemas.CUSTOMER).collect()
        finally:
            place.close()
        own = links.filter(pl.len().over("account_id") == 1)
        mine = customers.join(own, on="customer_id").sort("customer_id")
        row = mine.row(place_in_order, named=True)
        self.id, self.email, self.account = row["customer_id"], row["email"], row["account_id"]
        self.name = row["name"]
        self.words = {
            self.name,
            self.email,
            f"ask for {self.id} Smith",
            f"{self.id} is Ann's cousin",
        }


@pytest.fixture(params=[LINKED, ALONE], ids=["linked", "alone"])
def noted(
    request: pytest.FixtureRequest,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Desk]:
    """A desk with a customer that is named in metadata and in messages; with a CRM, or without one."""
    with SandboxServer(desk.services.company, conditions=Changed(_planted)) as services:
        made = Desk(desk.folder, services, monkeypatch, capfd)
        if request.param is ALONE:
            del made.environment["HUBSPOT_SERVICE_KEY"]
        assert made.types("run").code == 0
        person, place = Person(made), Place(made.settings)
        try:
            with place.engine.begin() as connection:
                text = {"text": f"{person.name} -42.00 (churn)", "blocks": [{"x": [person.email]}]}
                outbox, event = table_of(schemas.SLACK_OUTBOX), table_of(schemas.ALERT_EVENT)
                connection.execute(
                    insert(outbox).values(key="m", status="sent", payload_json=json.dumps(text))
                )
                connection.execute(insert(event).values(event_id="e", reason=f"{person.name} left"))
        finally:
            place.close()
        yield made


def without_names(frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    personal = {"account": ["name"], "folded customer": ["name", "email", "metadata"]}
    return {name: frame.drop(personal.get(name, [])) for name, frame in frames.items()}


def assert_same_figures(desk: Desk, before: dict[str, pl.DataFrame]) -> None:
    after, known = without_names(figures(desk)), without_names(before)
    for name, frame in known.items():
        assert_frame_equal(after[name], frame, check_exact=True)


def test_nothing_personal_is_left_and_no_figure_moves(noted: Desk) -> None:
    person = Person(noted)
    linked = person.account != person.id
    before = figures(noted)
    assert {hit.rpartition(": ")[2] for hit in found(noted.folder, person.words)} == person.words
    said = noted.types("forget", person.id if linked else person.email.upper(), "--yes")
    assert said.code == 0, said
    assert person.id in said.out
    assert found(noted.folder, person.words) == []
    assert _told(noted) == ("(forgotten) -42.00 (churn)", "(forgotten) left")
    assert_same_figures(noted, before)
    names = dict(figures(noted)["account"].select("account_id", "name").iter_rows())
    assert names[person.account] == (None if linked else person.id)
    others = pl.col("account_id") != person.account
    assert_frame_equal(figures(noted)["account"].filter(others), before["account"].filter(others))
    assert found(noted.folder, Person(noted, 1).words), "all others are as they were"
    assert noted.types("sync", "--full").code == 0
    assert noted.types("run").code == 0
    assert noted.types("db", "restore").code == 0
    assert found(noted.folder, person.words) == [], "nobody comes back"
    assert_same_figures(noted, before)


def _told(desk: Desk) -> tuple[str, str]:
    place = Place(desk.settings)
    try:
        outbox, event = table_of(schemas.SLACK_OUTBOX), table_of(schemas.ALERT_EVENT)
        with place.engine.connect() as connection:
            payload = connection.scalar(select(outbox.c.payload_json).where(outbox.c.key == "m"))
            reason = connection.scalar(select(event.c.reason).where(event.c.event_id == "e"))
    finally:
        place.close()
    return json.loads(str(payload))["text"], str(reason)


def test_a_company_that_others_are_linked_to_keeps_its_name(worked: Desk) -> None:
    place = Place(worked.settings)
    try:
        links = place.lake.scan(schemas.ACCOUNT_LINK).collect()
    finally:
        place.close()
    one, other = (
        links.filter(pl.len().over("account_id") == 2).sort("customer_id").iter_rows(named=True)
    )
    account = one["account_id"]
    for customer, kept in ((one["customer_id"], True), (other["customer_id"], False)):
        assert worked.types("forget", customer, "--yes").code == 0
        names = dict(figures(worked)["account"].select("account_id", "name").iter_rows())
        assert (names[account] is not None) == kept


def test_it_may_be_said_twice_and_asks_before(
    worked: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(worked)
    with monkeypatch.context() as here:
        here.chdir(worked.folder)
        declined = CliRunner().invoke(cli, ["forget", person.id], input="n\n")
        assert declined.exit_code == 1
        assert f"{person.id}: this cannot be taken back. Go on?" in declined.output
        assert "Nothing was changed." in declined.output
        unknown = CliRunner().invoke(cli, ["forget", "cus_unknown"], input="y\n")
        assert "cannot be taken back" not in unknown.output, "who is nobody is not asked about"
    assert found(worked.folder, [person.email])
    assert worked.types("forget", person.id, "--yes").code == 0
    again = worked.types("forget", person.id, "--yes")
    assert again.code == 0, again
    assert ": 0 records" in again.out
    assert found(worked.folder, [person.email]) == []


def test_somebody_that_nobody_knows(worked: Desk) -> None:
    before = worked.manifest
    for who in ("cus_unknown", "nobody@nowhere.example"):
        said = worked.types("forget", who, "--yes")
        assert said.code == 2
        assert "Nothing was changed" in said.err
        assert who not in said.err
    assert worked.manifest == before


def test_who_is_excluded_by_the_domain_of_an_email_stays_excluded(worked: Desk) -> None:
    person = Person(worked)
    domain = person.email.rpartition("@")[2]
    with (worked.folder / "pipeline.toml").open("a") as config:
        config.write(f'[exclude]\nemail_domains = ["{domain}"]\n')
    assert worked.types("run").code == 0
    before = figures(worked)
    assert worked.types("forget", person.id, "--yes").code == 0
    assert worked.types("db", "restore").code == 0
    assert_same_figures(worked, before)
