"""What happens within a month and takes itself back: against the truth, a replay second by second, and by hand."""

import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings

from pipeline import metrics, mrr
from pipeline.config.policy import PRESETS
from pipeline.errors import Unvalued
from pipeline.months import Calendar, add_months
from pipeline.mrr.instants import at_boundaries, valued
from pipeline.sandbox.truth.within import Activity, activity_of
from tests.history.records import Histories, rate
from tests.history.stripe_json import (
    CALENDAR,
    NOW,
    START,
    History,
    coupon,
    discount,
    item,
    price,
    state,
)
from tests.history.test_properties import NEVER_SURE, UNSHRUNK, random_histories, seeds

FIGURES = ("changes", "up_mrr", "down_mrr", "passing_items")
POLICIES = {
    **{name: mrr.Policy.from_switches(s | {"policy": name}) for name, s in PRESETS.items()},
    "late and asked": mrr.Policy(past_due="exclude", past_due_days=9, cancellation="request"),
    "by day": mrr.Policy(usage="per_day", paused="count", discounts="all"),
}
Found = dict[tuple[date, str], Activity]


def found_of(frame: pl.DataFrame) -> Found:
    return {
        (row["month"], row["account_id"]): Activity(**{name: row[name] for name in FIGURES})
        for row in frame.iter_rows(named=True)
    }


def sure(histories: Histories) -> set[tuple[date, str]]:
    """Months and accounts of which every state between the two ends is exact, usage included."""
    held = histories.book()
    items = held.items().collect()
    owner = dict(items.select("subscription_item_id", "account_id").iter_rows())
    doubtful = items.filter(pl.col("evidence") != "exact")
    spans = list(doubtful.select("account_id", "valid_from", "valid_to").iter_rows())
    usage = held.usage_charge.filter(pl.col("evidence") != "exact").collect()
    late = {owner[name] for name in usage["subscription_item_id"] if name in owner}
    found = set()
    for month in histories.months:
        opening, closing = (
            histories.calendar.boundary(each) for each in (add_months(month, -1), month)
        )
        unsure = {
            a for a, start, stop in spans if start < closing and (stop is None or stop >= opening)
        }
        found |= {(month, each) for each in set(owner.values()) - unsure - late}
    return found


def told(histories: Histories) -> pl.DataFrame:
    worth = mrr.Valued.of(histories.book(), mrr.Policy())
    return mrr.within(worth, histories.calendar, histories.months)


def true_of(histories: Histories) -> Found:
    return {
        (month, account): activity
        for truth in histories.truths
        for month in histories.months
        for account, activity in truth.within(month).items()
    }


@given(seed=seeds)
@settings(max_examples=3, phases=UNSHRUNK, derandomize=True)
def test_what_is_graded_exact_is_true(seed: int) -> None:
    histories = random_histories(random.Random(seed), 12)
    frame, true = told(histories), true_of(histories)
    exact = found_of(frame.filter(evidence="exact"))
    assert exact, "some are proved"
    assert exact == {key: true.get(key) for key in exact}
    assert not (set(true) & sure(histories)) - set(found_of(frame))


@given(seed=seeds)
@settings(max_examples=2, phases=UNSHRUNK, derandomize=True)
def test_synced_often_everything_is_found(seed: int) -> None:
    histories = random_histories(random.Random(seed), 12, ("often",), NEVER_SURE)
    true = true_of(histories)
    assert true
    assert found_of(told(histories)) == true


def replayed(histories: Histories, held: mrr.Book, policy: mrr.Policy) -> Found:
    """Every account valued at each second at which anything changes, as a snapshot there would."""
    items = held.items().collect()
    seconds = {
        value
        for column in ("valid_from", "valid_to", "cancel_requested_at")
        for value in items[column].drop_nulls()
    }
    seconds |= {
        value + timedelta(days=policy.past_due_days)
        for value in items["past_due_since"].drop_nulls()
    }
    seconds |= set(held.usage_charge.collect()["period_end"].drop_nulls())
    found: Found = {}
    for month in histories.months:
        opening, closing = (
            histories.calendar.boundary(each) for each in (add_months(month, -1), month)
        )
        after = sorted(s + timedelta(milliseconds=500) for s in seconds if opening <= s < closing)
        rows = valued(held, at_boundaries(items.lazy(), [opening, *after, closing]), policy)
        values: dict[str, dict[datetime, dict[str, int]]] = {}
        columns = ("account_id", "at", "subscription_item_id", "currency", "mrr_native")
        for account, at, name, currency, native in rows.collect().select(columns).iter_rows():
            mine = values.setdefault(account, {})
            mine.setdefault(at, {})[name] = round(native * rate(month, currency))
        for account, mine in values.items():
            activity = activity_of([mine.get(at, {}) for at in (opening, *after, closing)])
            if activity.netted_mrr or activity.passing_items:
                found[month, account] = activity
    return found


@given(seed=seeds)
@settings(max_examples=2, phases=UNSHRUNK, derandomize=True)
def test_a_replay_second_by_second_says_the_same(seed: int) -> None:
    """Under every preset; and what goes up less what goes down is the movement."""
    histories = random_histories(random.Random(seed), 4)
    held = histories.book()
    for policy in POLICIES.values():
        worth = mrr.Valued.of(held, policy)
        frame = mrr.within(worth, histories.calendar, histories.months)
        movement = mrr.moved(worth, histories.calendar, histories.months, (1,)).movement.lazy()
        assert metrics.check_within(movement, frame.lazy()).is_empty()
        assert found_of(frame) == replayed(histories, held, policy)


PRICES = [
    price("p", 10_000, "prod_a"),
    price("p_pro", 25_000, "prod_pro"),
    price("p_use", 1, "prod_use", usage=True),
]
ONE, FIVE = item("si", "p"), item("si", "p", 5)
BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)
FEBRUARY, MARCH, APRIL = (date(2026, month, 1) for month in (2, 3, 4))


def at(month: int, day: int, second: int = 0) -> datetime:
    return datetime(2026, month, day, 8, 0, second, tzinfo=UTC)


def of(history: History, *months: date, calendar: Calendar = CALENDAR) -> pl.DataFrame:
    return mrr.within(mrr.Valued.of(history.mrr_book(), mrr.Policy()), calendar, months)


def dollars(history: History, *months: date) -> list[tuple[float, ...]]:
    """(month, changes, up, down, netted, passing items) of each row."""
    return [
        (
            row["month"].month,
            row["changes"],
            row["up_mrr"] / 1e6,
            row["down_mrr"] / 1e6,
            row["netted_mrr"] / 1e6,
            row["passing_items"],
        )
        for row in of(history, *months).iter_rows(named=True)
    ]


def test_up_and_down_again_is_seen_here_alone() -> None:
    history = History(PRICES).states(
        (BEGUN, state(ONE)), (at(3, 5), state(FIVE)), (at(3, 9), state(ONE))
    )
    assert history.movements(MARCH).movement == {"cus_a": (None, 0)}
    assert dollars(history, FEBRUARY, MARCH, APRIL) == [(3, 2, 400, 400, 400, 0)]
    assert of(history, MARCH)["evidence"].to_list() == ["exact"]


def test_half_of_it_taken_back_nets_to_the_smaller() -> None:
    history = History(PRICES).states(
        (BEGUN, state(ONE)), (at(3, 5), state(FIVE)), (at(3, 9), state(item("si", "p", 3)))
    )
    assert history.movements(MARCH).movement == {"cus_a": ("expansion", 200)}
    assert dollars(history, MARCH) == [(3, 2, 400, 200, 200, 0)]


def test_only_up_or_only_down_is_no_activity() -> None:
    history = History(PRICES).states(
        (BEGUN, state(ONE)),
        (at(3, 5), state(item("si", "p", 3))),
        (at(3, 9), state(FIVE)),
        (at(4, 2), state(ONE)),
    )
    assert dollars(history, FEBRUARY, MARCH, APRIL) == []


def test_came_and_left_within_a_month_is_a_passing_item() -> None:
    history = History(PRICES).states(
        (at(3, 5), state(ONE)), (at(3, 9), state(ONE, status="canceled"))
    )
    assert history.movements(MARCH).movement == {}
    assert dollars(history, FEBRUARY, MARCH, APRIL) == [(3, 2, 100, 100, 100, 1)]


def test_gone_and_back_passes_no_item() -> None:
    pause = {"pause_collection": {"behavior": "void", "resumes_at": None}}
    history = History(PRICES).states(
        (BEGUN, state(ONE)), (at(3, 5), state(ONE, **pause)), (at(3, 9), state(ONE))
    )
    assert dollars(history, MARCH) == [(3, 2, 100, 100, 100, 0)]


def test_a_trial_that_never_counted_passes_nothing() -> None:
    history = History(PRICES).states(
        (at(3, 5), state(ONE, status="trialing")), (at(3, 9), state(ONE, status="canceled"))
    )
    assert dollars(history, MARCH) == []


def test_what_changes_in_one_second_is_one_change() -> None:
    """Of several subscriptions of the account, too."""
    history = History(PRICES).states((BEGUN, state(ONE)), (at(3, 5), state(ONE, status="canceled")))
    history.states((at(3, 5), state(item("si_2", "p", 3))), name="_2")
    assert dollars(history, MARCH) == []
    apart = History(PRICES).states((BEGUN, state(ONE)), (at(3, 5), state(ONE, status="canceled")))
    apart.states((at(3, 5, second=1), state(item("si_2", "p", 3))), name="_2")
    assert dollars(apart, MARCH) == [(3, 2, 300, 100, 100, 0)]


def test_months_part_at_their_ends() -> None:
    """The first instant of April is April's."""
    history = History(PRICES).states(
        (BEGUN, state(ONE)),
        (datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC), state(FIVE)),
        (datetime(2026, 4, 1, tzinfo=UTC), state(ONE)),
    )
    assert dollars(history, MARCH, APRIL) == []
    assert history.movements(MARCH).movement == {"cus_a": ("expansion", 400)}


def test_the_current_month_goes_as_far_as_now() -> None:
    history = History(PRICES).states(
        (BEGUN, state(ONE)), (at(3, 5), state(FIVE)), (at(3, 9), state(ONE))
    )
    early, late = (Calendar(now=at(3, day), first_month=CALENDAR.first_month) for day in (6, 9))
    assert of(history, MARCH, calendar=early).is_empty()
    assert of(history, MARCH, calendar=late)["netted_mrr"].to_list() == [400_000_000]


@pytest.mark.parametrize(("late", "netted"), [(0, []), (1, [8_000_000])])
def test_usage_changes_once_a_month_in_the_second_in_which_its_period_ends(
    late: int, netted: list[int]
) -> None:
    """What is cancelled in that second is the same change. West of Greenwich it lies within February."""
    calendar = Calendar(NOW, "America/Los_Angeles", first_month=CALENDAR.first_month)
    bills = {date(2026, month, 1): cents for month, cents in ((1, 100), (2, 900), (3, 200))}
    history = History(PRICES).states((START, state(item("si_use", "p_use", None))))
    history.usage("a", "si_use", "p_use", bills)
    assert of(history, FEBRUARY, MARCH, calendar=calendar).is_empty()
    end = datetime(2026, 3, 1, 0, 0, late, tzinfo=UTC)
    history.states((BEGUN, state(ONE)), (end, state(ONE, status="canceled")), name="_2")
    found = of(history, FEBRUARY, MARCH, calendar=calendar)
    assert found["netted_mrr"].to_list() == netted


def test_a_discount_that_ends_at_a_renewal_is_a_change_in_its_second() -> None:
    ends = at(3, 10)
    half = discount("di", "half", BEGUN, end=ends)
    history = (
        History(PRICES)
        .records("coupon", coupon("half", "repeating", percent_off=50, duration_in_months=2))
        .records("discount", half)
        .states(
            (BEGUN, state(ONE, discounts=["di"])),
            (at(2, 10), state(ONE, period=at(2, 10), discounts=["di"])),
            (ends, state(ONE, period=ends)),
            (at(3, 20), state(ONE, period=ends, status="canceled")),
        )
    )
    assert history.movements(MARCH).movement == {"cus_a": ("churn", -50)}
    assert dollars(history, FEBRUARY, MARCH) == [(3, 2, 50, 100, 50, 0)]


@pytest.mark.parametrize("passing", [True, False])
def test_a_passing_item_without_a_value_is_nothing_and_inferred(passing: bool) -> None:
    """At a month's end it would stop the month; within it, it must not."""
    history = History(PRICES).states(
        (BEGUN, state(ONE)),
        (at(3, 5), state(ONE, item("si_odd", "p_odd"))),
        (at(3, 9) if passing else at(4, 9), state(ONE)),
    )
    if passing:
        assert dollars(history, MARCH) == [(3, 0, 0, 0, 0, 1)]
        assert of(history, MARCH)["evidence"].to_list() == ["inferred"]
    else:
        with pytest.raises(Unvalued):
            history.movements(MARCH)


@pytest.mark.parametrize(
    "wrong",
    [{"up_mrr": 1}, {"delta_mrr": 1}, {"netted_mrr": -1}],
    ids=lambda each: next(iter(each)),
)
def test_activity_that_is_not_the_movement_is_named(wrong: dict[str, int]) -> None:
    history = History(PRICES).states(
        (BEGUN, state(ONE)), (at(3, 5), state(FIVE)), (at(3, 9), state(item("si", "p", 3)))
    )
    movement = history.movements(MARCH).found.movement.lazy()
    rows = of(history, MARCH).lazy()
    assert metrics.check_within(movement, rows).is_empty()
    broken = rows.with_columns(pl.col(name) + by for name, by in wrong.items())
    assert metrics.check_within(movement, broken)["account_id"].to_list() == ["cus_a"]
