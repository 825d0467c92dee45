"""What the alerts' part of a night does, over figures that are given."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl
from sqlalchemy import Engine, delete, insert

from pipeline.alerts import Letterhead
from pipeline.alerts.delivery import Delivered, SlackConfig, Voice, deliver, evaluate_and_store
from pipeline.config import AlertRule
from pipeline.database import table_of
from pipeline.months import Calendar
from pipeline.schemas import EXPANSION_METRICS
from tests.alerts.alert_figures import JANUARY, metrics

RULES = (
    AlertRule(id="floor", kind="floor", threshold=0.02),
    AlertRule(id="floor-segment", kind="floor", threshold=0.02, dimension="segment"),
)


def publish(warehouse: Engine, rates: Mapping[str, Sequence[float]]) -> None:
    """Publish a rate a month for the total (`all`) and for segments."""
    frames = [
        metrics(each, member=name, dimension="total" if name == "all" else "segment")
        for name, each in rates.items()
    ]
    money = [column.name for column in EXPANSION_METRICS.columns if column.kind == "money"]
    rows = pl.concat(frames).with_columns(pl.col(name) / 1_000_000 for name in money).to_dicts()
    table = table_of(EXPANSION_METRICS)
    with warehouse.begin() as connection:
        connection.execute(delete(table))
        connection.execute(insert(table), rows)


def night(warehouse: Engine, slack: SlackConfig, now: datetime, storm: int = 2) -> Delivered:
    """What the alerts' part of a night does: evaluate what is published, then deliver what waits."""
    run_id = f"run {now:%m-%d}"
    evaluate_and_store(
        warehouse,
        RULES,
        Calendar(now=now, first_month=JANUARY),
        run_id,
        now,
        notify=True,
        voice=Voice(Letterhead(run_id, now), storm=storm),
    )
    return deliver(warehouse, slack, now)
