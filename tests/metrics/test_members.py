"""Members of dimensions, whatever a CRM or a catalogue calls them."""

import random

import polars as pl
import pytest
from sqlalchemy import insert, select

from pipeline.config import Dimensions
from pipeline.database import engine, table_of, upgrade
from pipeline.metrics.members import LONGEST, account_dimensions, item_dimensions, named
from pipeline.schemas import ALERT_STATE, EXPANSION_METRICS, SLACK_OUTBOX
from tests.alerts.alert_figures import metrics

DICE = random.Random(4)
LONG = "".join(chr(DICE.randint(0x4E00, 0x9FFF)) for _ in range(5_000))


def test_a_long_name_is_cut_and_an_absent_one_is_unknown() -> None:
    frame = pl.DataFrame({"owner": [LONG, None, "Ann"], "plan": [LONG, None, "Pro"]})
    owner = next(each for each in account_dimensions(Dimensions()) if each.name == "owner")
    plan = next(each for each in item_dimensions(Dimensions()) if each.name == "plan")
    ends = named(frame, ["owner"]).select(opening_owner="owner").select(owner.at("opening"))
    assert ends.to_series().to_list() == [LONG[:LONGEST], "unknown", "Ann"]
    found = frame.select(plan=plan.of_item)
    assert found["plan"].to_list() == [LONG[:LONGEST], "unknown", "Pro"]


@pytest.mark.postgres
def test_the_longest_member_fits_into_every_key_of_postgresql(postgres_url: str) -> None:
    member = f"{LONG[:LONGEST]} + {LONG[-LONGEST:]}"
    upgrade(postgres_url)
    rows = metrics([None], dimension="segment+owner", member=member).to_dicts()
    name = f"{'x' * 80}|segment+owner|{member}"
    key = f"restated|{name}|2026-08|v12"
    made = engine(postgres_url)
    with made.begin() as connection:
        connection.execute(insert(table_of(EXPANSION_METRICS)), rows)
        connection.execute(insert(table_of(ALERT_STATE)), [{"fingerprint": name}])
        connection.execute(insert(table_of(SLACK_OUTBOX)), [{"key": key}])
        assert connection.scalar(select(table_of(ALERT_STATE).c.fingerprint)) == name
    made.dispose()
