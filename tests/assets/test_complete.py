"""After each sync: what records refer to is there, and what events did not tell is found."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from sqlalchemy import select

from pipeline.assets.place import Place
from pipeline.billing.unreadable import ODD_FORM
from pipeline.cli import running
from pipeline.database import reading, table_of
from pipeline.definitions import build_definitions
from pipeline.sandbox.company import Company
from pipeline.sandbox.stripe_api import StripeApi
from pipeline.schemas import CUSTOMER, DATA_QUALITY, ITEM_TIMELINE
from pipeline.settings import Settings
from pipeline.sources.protocol import Json
from tests.sources.company import END, KEY, answering

DAY = timedelta(days=1)
THERE, TOLD = "stripe_records everything_there", "stripe_records events_tell_everything"


@dataclass
class Bench:
    """A company, its Stripe, and the nights of a pipeline that reads it."""

    folder: Path
    company: Company
    base: str
    api: StripeApi
    checks: dict[str, dg.AssetCheckEvaluation] = field(default_factory=dict)

    def night(self, now: datetime) -> None:
        """Sync and fold."""
        environment = {
            "STRIPE_API_KEY": KEY,
            "STRIPE_API_BASE": self.base,
            "PIPELINE_NOW": now.isoformat(),
        }
        place = Place(Settings.load(environment, self.folder))
        try:
            with dg.DagsterInstance.ephemeral() as instance:
                job = build_definitions(place.settings, place).resolve_job_def("sync")
                done = job.execute_in_process(
                    run_config=running.QUIET,
                    asset_selection=[dg.AssetKey("stripe_records"), dg.AssetKey("item_timeline")],
                    instance=instance,
                )
                self.checks = {each.check_name: each for each in done.get_asset_check_evaluations()}
                table = table_of(DATA_QUALITY)
                query = select(table).where(table.c.run_id == done.run_id)
                with reading(place.engine) as connection:
                    self.rows = {row.check: row for row in connection.execute(query)}
                self.timeline = place.lake.scan(ITEM_TIMELINE).collect()
                self.customers = place.lake.scan(CUSTOMER).collect()
        finally:
            place.close()

    def figures(self, check: str) -> dict[str, Any]:
        """What `data_quality` has of a check."""
        found: dict[str, Any] = json.loads(self.rows[check].figures)
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    company = Company(3, customers=25, months=6, end=END)
    company.advance(END - 2 * DAY)
    (tmp_path / "pipeline.toml").write_text("[stripe]\nrequests_per_second = 100000\n")
    with answering(company) as (base, api):
        yield Bench(tmp_path, company, base, api)


def updated(company: Company, name: str, at: datetime, told: Json, before: Json) -> None:
    """An event says that a subscription is as `told`, and was as `before`."""
    company.objects["event"][name] = {
        "id": name,
        "object": "event",
        "type": "customer.subscription.updated",
        "created": int(at.timestamp()),
        "api_version": "2026-10-28.endive",
        "data": {"object": told, "previous_attributes": before},
    }


def test_customers_that_no_list_shows_are_asked_for(bench: Bench) -> None:
    subscription = next(iter(bench.company.objects["subscription"].values()))
    deleted = subscription["customer"]
    bench.company.objects["customer"][deleted]["deleted"] = True
    bench.night(bench.company.now)
    assert bench.rows[THERE].passed
    figures = bench.figures(THERE)
    assert figures["asked for"] == 1
    assert figures["missing"] == figures["cut lists"] == 0
    assert figures["stored"] == figures["in the lake"] > 0
    known = bench.customers.filter("deleted").get_column("customer_id").to_list()
    assert known == [deleted]


def test_what_exists_nowhere_is_named(bench: Bench) -> None:
    company = bench.company
    invoice = next(iter(company.objects["invoice"].values()))
    invoice["lines"]["data"][0]["pricing"]["price_details"]["price"] = "price_of_nowhere"
    bench.night(company.now)
    assert bench.rows[THERE].passed
    assert bench.figures(THERE)["gone at Stripe"] == 1


def test_a_change_that_no_event_tells_is_found_and_subscriptions_are_listed(bench: Bench) -> None:
    company = bench.company
    bench.night(company.now)
    assert bench.rows[TOLD].passed
    listed = bench.api.requests["/v1/subscriptions"]

    company.advance(company.now + DAY)
    company.advance(END)
    bench.night(END)
    assert bench.rows[TOLD].passed
    quiet = bench.api.requests["/v1/subscriptions"] - listed

    lost = next(
        each for each in company.objects["subscription"].values() if each["status"] == "active"
    )
    item = lost["items"]["data"][0]
    item["quantity"] = (item["quantity"] or 0) + 7  # and no event says so
    told = json.loads(json.dumps(lost)) | {"cancel_at": int((END + 90 * DAY).timestamp())}
    updated(company, "evt_after", END + DAY / 2, told, {"cancel_at": None})
    company.advance(END + DAY)
    before = bench.api.requests["/v1/subscriptions"]
    bench.night(END + DAY)
    assert not bench.rows[TOLD].passed
    assert json.loads(bench.rows[TOLD].examples) == [lost["id"]]
    assert not bench.checks["events_tell_everything"].passed
    assert bench.api.requests["/v1/subscriptions"] - before > quiet
    span = bench.timeline.filter(
        pl.col("subscription_item_id") == item["id"], pl.col("closed_by") == "evt_after"
    )
    assert set(span.get_column("evidence")) == {"bounded"}

    bench.night(END + DAY + timedelta(hours=1))
    assert bench.rows[TOLD].passed


def test_a_record_that_cannot_be_read_stops_nothing(bench: Bench) -> None:
    company = bench.company
    lost = next(
        each for each in company.objects["subscription"].values() if each["status"] == "active"
    )
    lost["items"]["data"][0]["quantity"] = "a secret"
    bench.night(company.now)
    row = bench.rows["item_timeline records_readable"]
    assert not row.passed
    assert json.loads(row.examples) == [f"subscription {lost['id']}: {ODD_FORM}"]
    assert "secret" not in bench.checks["records_readable"].description
    mine = pl.col("customer_id") == lost["customer"]
    assert "exact" not in bench.timeline.filter(mine).get_column("evidence").to_list()
    assert "exact" in bench.timeline.filter(~mine).get_column("evidence").to_list()


def test_an_old_state_that_comes_back_without_an_event_is_found_by_the_listing(
    bench: Bench,
) -> None:
    company, start = bench.company, bench.company.now
    bench.night(start)
    first = json.dumps(company.objects["subscription"])
    company.advance(start + DAY)
    lost = next(
        each
        for each in company.objects["subscription"].values()
        if each["status"] == "active" and json.dumps(each) in first
    )
    item = lost["items"]["data"][0]
    before = json.loads(json.dumps(lost["items"]))
    seats, more = item["quantity"] or 1, (item["quantity"] or 1) + 3
    told = json.loads(json.dumps(lost))
    told["items"]["data"][0]["quantity"] = more
    updated(company, "evt_more", start + DAY / 2, told, {"items": before})
    bench.night(start + DAY)
    mine = pl.col("subscription_item_id") == item["id"]
    now = mine & pl.col("valid_to").is_null()
    assert bench.timeline.filter(now).select("quantity", "evidence").rows() == [(more, "exact")]

    bench.night(start + 7 * DAY)  # and the seats are as many as at first: no event said so
    assert not bench.rows[TOLD].passed
    assert json.loads(bench.rows[TOLD].examples) == [lost["id"]]
    assert bench.timeline.filter(now)["quantity"].to_list() == [seats]
    assert bench.timeline.filter(mine, quantity=more)["evidence"].to_list() == ["bounded"]


def test_a_record_whose_shape_is_odd_does_not_stop_the_look(bench: Bench) -> None:
    invoice = next(iter(bench.company.objects["invoice"].values()))
    invoice["subtotal"] = "a text"
    bench.night(bench.company.now)
    assert bench.rows[THERE].passed
