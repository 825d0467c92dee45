"""When a change was made, and whether a schedule planned it: from hand-written lives of subscriptions."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipeline import billing, mrr, schemas
from pipeline.billing import schedules
from pipeline.metrics.attribution import AttributionRules, Crm, attributed, dated, expanding
from pipeline.months import Calendar
from tests.history.records import _row
from tests.history.stripe_json import CALENDAR, NOW, History, item, price, state

PRICES = [
    price("p", 10_000, "prod_a"),
    price("p_up", 12_000, "prod_a"),
    price("p_pro", 25_000, "prod_pro"),
    price("p_add", 3_000, "prod_add"),
    price("p_use", 1, "prod_use", usage=True),
]
MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
POLICY = mrr.Policy()


def at(month: int, day: int, hour: int = 8) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def changes(
    history: History, month: date = MARCH, calendar: Calendar = CALENDAR, records: Any = ()
) -> dict[tuple[str, str], Any]:
    """(item, type) -> (when, schedule) of one month."""
    book = history.mrr_book()
    component = mrr.movements(book, calendar, [month], POLICY).component.lazy()
    raw = pl.LazyFrame(list(records), schema=schemas.RAW_RECORD.schema)
    found = dated(expanding(component), book, POLICY, calendar, planned_by(raw))
    assert found.height == component.filter(window_months=1, movement="expansion").collect().height
    return {
        (row["subscription_item_id"], row["type"]): (row["at"], row["schedule_id"])
        for row in found.to_dicts()
    }


def planned_by(raw: pl.LazyFrame) -> pl.LazyFrame:
    return schedules.planned(schedules.phases(billing.decode(raw).schedule))


def of(*states: tuple[datetime, dict[str, Any]], **more: Any) -> History:
    return History(PRICES).states(*states, **more)


def test_each_component_has_the_last_change_of_its_own_kind() -> None:
    history = of(
        (at(1, 10), state(item("si", "p", 2))),
        (at(3, 3), state(item("si", "p", 4))),
        (at(3, 7), state(item("si", "p", 5))),
        (at(3, 20), state(item("si", "p_up", 5))),
        (at(4, 2), state(item("si", "p_up", 9))),
    )
    assert changes(history) == {
        ("si", "seat"): (at(3, 7), None),
        ("si", "price"): (at(3, 20), None),
    }
    assert changes(history, APRIL) == {("si", "seat"): (at(4, 2), None)}


def test_what_came_has_its_coming_or_its_last_change_after_it() -> None:
    history = of(
        (at(1, 10), state(item("si", "p"))),
        (at(3, 3), state(item("si", "p"), item("si_add", "p_add", 1))),
        (at(3, 9), state(item("si", "p"), item("si_add", "p_add", 4))),
    )
    assert changes(history) == {("si_add", "add_on"): (at(3, 9), None)}


def test_a_trial_that_converts_is_made_when_it_converts() -> None:
    trial = {"trial_start": seconds(at(2, 20)), "trial_end": seconds(at(3, 12))}
    history = of((at(1, 10), state(item("si", "p")))).states(
        (at(2, 20), state(item("si_pro", "p_pro"), status="trialing", **trial)),
        (at(3, 12), state(item("si_pro", "p_pro"), period=at(3, 12), **trial)),
        name="2",
    )
    assert changes(history) == {("si_pro", "cross_sell"): (at(3, 12), None)}


def test_a_pause_in_the_month_does_not_date_what_was_bought_before_it() -> None:
    paused = {"pause_collection": {"behavior": "void", "resumes_at": None}}
    history = of(
        (at(1, 10), state(item("si", "p", 2))),
        (at(3, 3), state(item("si", "p", 4))),
        (at(3, 7), state(item("si", "p", 4), **paused)),
        (at(3, 9), state(item("si", "p", 4))),
    )
    assert changes(history) == {("si", "seat"): (at(3, 3), None)}


def test_what_left_has_its_end() -> None:
    history = of(
        (at(1, 10), state(item("si", "p"), item("si_add", "p_add"))),
        (at(3, 5), state(item("si", "p", 3), item("si_add", "p_add"))),
        (at(3, 6), state(item("si", "p", 3))),
    )
    assert changes(history) == {
        ("si", "seat"): (at(3, 5), None),
        ("si_add", "add_on"): (at(3, 6), None),
    }


def test_usage_changes_in_the_last_second_of_its_period() -> None:
    bills = {date(2026, month, 1): cents for month, cents in ((1, 100), (2, 100), (3, 900))}
    history = of((at(1, 1, 0), state(item("si", "p"), item("si_use", "p_use", None))))
    history.usage("a", "si_use", "p_use", bills)
    last = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)
    assert changes(history) == {("si_use", "usage"): (last, None)}


def test_the_month_is_that_of_the_reporting_time_zone() -> None:
    """A change at 04:30 UTC of 1 April is made in March in New York."""
    moment = datetime(2026, 4, 1, 3, 30, tzinfo=UTC)
    history = of((at(1, 10), state(item("si", "p"))), (moment, state(item("si", "p", 2))))
    calendar = Calendar(now=NOW, timezone="America/New_York", first_month=date(2026, 1, 1))
    assert changes(history, MARCH, calendar) == {("si", "seat"): (moment, None)}
    assert changes(history, APRIL, calendar) == {}


def schedule(begun: datetime, *starts: datetime, **more: Any) -> dict[str, Any]:
    return {
        "id": "sub_sched_1",
        "object": "subscription_schedule",
        "created": seconds(begun),
        "subscription": "sub_a",
        "released_subscription": None,
        "released_at": None,
        "canceled_at": None,
        "completed_at": None,
        "current_phase": {"start_date": seconds(begun), "end_date": seconds(starts[0])},
        "phases": [{"start_date": seconds(each), "items": []} for each in (begun, *starts)],
        **more,
    }


def planned(*records: dict[str, Any], moment: datetime = NOW) -> list[dict[str, Any]]:
    return [_row("subscription_schedule", record, moment) for record in records]


GROWN = of((at(1, 10), state(item("si", "p"))), (at(3, 12), state(item("si", "p", 5))))
SEATS = ("si", "seat")


@pytest.mark.parametrize(
    ("record", "by_schedule"),
    [
        (schedule(at(2, 1), at(3, 12)), True),
        (schedule(at(2, 1), at(3, 12) - timedelta(minutes=5)), True),
        (schedule(at(2, 1), at(3, 12) - timedelta(hours=1)), False),
        (schedule(at(2, 1), at(3, 12) + timedelta(seconds=1)), False),
        (schedule(at(3, 12), at(4, 12)), False),  # made by hand, on top of the change itself
        (schedule(at(2, 1), at(3, 12), released_at=seconds(at(3, 1))), False),
        (
            schedule(
                at(2, 1),
                at(3, 12),
                subscription=None,
                released_subscription="sub_a",
                released_at=seconds(at(5, 1)),
            ),
            True,
        ),
        (schedule(at(2, 1), at(3, 12), subscription="sub_other"), False),
        (schedule(at(2, 1), at(3, 12), phases="odd"), False),
        (schedule(at(2, 1), at(3, 12), created=None), False),
    ],
)
def test_a_phase_that_had_just_begun_planned_the_change(record: Any, by_schedule: bool) -> None:
    found = changes(GROWN, records=planned(record))
    assert found == {SEATS: (at(3, 12), "sub_sched_1" if by_schedule else None)}
    component = mrr.movements(GROWN.mrr_book(), CALENDAR, [MARCH], POLICY).component.lazy()
    raw = pl.LazyFrame(planned(record), schema=schemas.RAW_RECORD.schema)
    parts = dated(expanding(component), GROWN.mrr_book(), POLICY, CALENDAR, planned_by(raw))
    said = attributed(parts, Crm.nothing(), AttributionRules())
    assert said["attribution"].item() == ("contractual" if by_schedule else "unknown")
    assert said["evidence"].item() == ('["sub_sched_1"]' if by_schedule else "[]")


def test_a_phase_that_was_moved_before_it_began_planned_nothing() -> None:
    first, moved = schedule(at(2, 1), at(3, 12)), schedule(at(2, 1), at(6, 1))
    records = [*planned(first, moment=at(2, 2)), *planned(moved, moment=at(3, 1))]
    assert changes(GROWN, records=records)[SEATS][1] is None
    records = [*planned(first, moment=at(3, 13)), *planned(moved, moment=at(4, 1))]
    assert changes(GROWN, records=records)[SEATS][1] == "sub_sched_1", "it had begun"


def test_events_tell_of_schedules_that_were_not_listed_yet() -> None:
    moment = NOW - timedelta(days=3)
    history = of((at(1, 10), state(item("si", "p"))), (moment, state(item("si", "p", 5))))
    event = {
        "id": "evt_s",
        "object": "event",
        "type": "subscription_schedule.updated",
        "created": seconds(moment),
        "data": {"object": schedule(at(2, 1), moment)},
    }
    row = _row("event", event, moment)
    found = changes(history, date(2026, 7, 1), records=[row])
    assert found == {SEATS: (moment, "sub_sched_1")}
