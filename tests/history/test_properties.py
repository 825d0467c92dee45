"""Random simulated companies, synced at random: what is graded exact is true, and everything adds up.

The way over HTTP, lake and warehouse is held by `test_truth_over_http`; here the records go straight into the fold, so
that there can be many companies.
"""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline import metrics, mrr
from pipeline.config import Dimensions
from pipeline.config.policy import PRESETS
from pipeline.months import add_months
from pipeline.mrr.snapshot import account_evidence
from pipeline.sandbox.company import FEATURES, RARE, Company
from pipeline.schemas import ACCOUNT, COVERAGE, RAW_RECORD, SUBSCRIPTION_PHASE
from tests import in_memory
from tests.history.against_truth import ITEM_FIELDS, Comparison, compare_accounts
from tests.history.records import STREAMS, Histories, Life, upgrading

TOGETHER = 12
"""Companies folded at once: 25 examples are 300 companies."""
OLDER = 0.3
"""The share of companies whose events have the shapes of several API versions."""
WINDOWS = (1, 3, 12)
WIDE = "many_items"
"""Subscriptions with more than ten items: their events leave items out, so they cannot be exact."""
EVERY = FEATURES | RARE
NEVER_SURE = frozenset(
    {
        WIDE,
        "coincidences",
        "deleted_coupons",
        "option_edits",
        "prebilling",
        "taxes",
        "tax_changes",
    }
)
"""What cannot always be exact, however often it is synced: see "How sure we are" in docs/method.md."""
KINDS = ("often", "late", "once", "gap")
"""How a company is synced: from its start, from some day on, once at the end, with events lost in between."""
ZONES = ("UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland")
YEARS_END = datetime(2026, 12, 31, 6, tzinfo=UTC)

EVERYTHING = metrics.MetricsSpec(
    dimensions=Dimensions(
        account=("segment", "owner", "industry", "country", "channel", "cohort"),
        item=("plan", "product", "currency", "interval", "pricing_model"),
        crossed=(("segment", "owner"),),
    )
)


def random_life(
    draw: random.Random, kinds: tuple[str, ...] = KINDS, without: frozenset[str] = frozenset()
) -> Life:
    """A company of random size and features, synced in one of the ways."""
    some = draw.sample(sorted(EVERY), draw.randint(len(EVERY) // 3, len(EVERY)))
    features = frozenset(draw.choice([list(EVERY), some, list(FEATURES)])) - without
    kind = draw.choice(kinds)
    first = {"late": draw.randint(29, 200), "once": 1000}.get(kind, draw.randint(1, 28))
    gaps = tuple(draw.randint(1, 28) for _ in range(draw.randint(1, 6)))
    if kind == "gap":
        gaps += (draw.randint(31, 100),)
    return Life(
        seed=draw.randrange(2**31),
        customers=draw.randint(3, 6),
        months=draw.randint(5, 10),
        features=features,
        first=first,
        gaps=gaps,
    )


def random_histories(
    draw: random.Random,
    count: int,
    kinds: tuple[str, ...] = KINDS,
    without: frozenset[str] = frozenset(),
) -> Histories:
    """Random companies that end on the same day, in a random reporting time zone; some grew older with Stripe's API."""
    end = YEARS_END - timedelta(days=draw.randint(0, 365))
    drawn = (random_life(draw, kinds, without) for _ in range(count))
    lives = {
        life.seed: upgrading(life, end, draw) if draw.random() < OLDER else life for life in drawn
    }
    return Histories(list(lives.values()), end, draw.choice(ZONES))


def compared(histories: Histories) -> tuple[Counter[str], Counter[str], list[str]]:
    """Account-months by grade, the wrong ones by grade, and what is wrong though it says `exact`.

    Every account-month of every window is held against the truth, and every item of the snapshots. An account-month
    without a row, though it should have one, is as sure as the items that the account has at its two ends.
    """
    held, months, calendar = histories.book(), histories.months, histories.calendar
    moved = mrr.movements(held, calendar, months, mrr.Policy(), WINDOWS)
    by = ("seed", "window_months")
    seed = pl.col("account_id").str.split("/").list.first()
    rows, parts = (
        frame.with_columns(seed=seed).partition_by(*by, as_dict=True)
        for frame in (moved.movement, moved.component)
    )
    before = add_months(months[0], -max(WINDOWS))
    ends = [add_months(before, n) for n in range(len(calendar.months) + max(WINDOWS))]
    grades = account_evidence(held, calendar, ends).filter(pl.col("evidence") != "exact").collect()
    unsure = set(grades.select("month", "account_id").iter_rows())
    graded: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    snapshot = mrr.snapshot(held, calendar, months, mrr.Policy()).collect()
    silent = wrong_items(histories, snapshot)
    for life, truth in zip(histories.lives, histories.truths, strict=True):
        for window in WINDOWS:
            key = (str(life.seed), window)
            movement = rows.get(key, moved.movement.clear())
            component = parts.get(key, moved.component.clear())
            found: Comparison = compare_accounts(truth, movement, component, months, window)
            graded += found.graded
            wrong += found.wrong
            bad = list(found.examples.get("exact", []))
            there = set(movement.select("month", "account_id").iter_rows())
            for month in months if found.wrong["missing"] else ():
                for account, true in truth.movements(month, window).items():
                    told = not (true.opening_mrr or true.closing_mrr) or (month, account) in there
                    sure = not {(month, account), (add_months(month, -window), account)} & unsure
                    if sure and not told:
                        bad.append(f"{month:%Y-%m} {window} {account}: {true}, but no row")
            silent += [f"{life}, end {calendar.now}, {calendar.timezone}: {each}" for each in bad]
    return graded, wrong, silent


def wrong_items(histories: Histories, snapshot: pl.DataFrame) -> list[str]:
    """Items of the snapshots that differ from the truth though they are graded `exact`."""
    true = {
        (month, item): value
        for truth in histories.truths
        for month in histories.months
        for item, value in truth.snapshot(month).items()
    }
    wrong = []
    for row in snapshot.filter(evidence="exact").iter_rows(named=True):
        value = true.get((row["month"], row["subscription_item_id"]))
        if value is None or any(getattr(value, name) != row[name] for name in ITEM_FIELDS):
            wrong.append(f"{row['month']:%Y-%m}: true {value}, got {row}")
    return wrong


seeds = st.integers(0, 2**32)
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A smaller seed is no simpler company. The same companies each time: `make soak` draws others."""


def test_ids_belong_to_one_company() -> None:
    """So companies can be folded together. Coupon ids are chosen by people; the records make them the account's own."""
    names = (*(stream.name for stream in STREAMS), "discount", "event")
    seen: Counter[tuple[str, str]] = Counter()
    for seed in range(20):
        company = Company(seed, customers=4, months=6, end=YEARS_END)
        company.advance(YEARS_END)
        seen.update((name, each) for name in names for each in company.objects[name])
    assert {name for (name, _), times in seen.items() if times > 1} <= {"coupon"}


@given(seed=seeds)
@settings(max_examples=25, phases=UNSHRUNK, derandomize=True)
def test_what_is_graded_exact_is_true(seed: int) -> None:
    draw = random.Random(seed)
    graded, _, silent = compared(random_histories(draw, TOGETHER))
    assert silent == []
    assert graded["exact"] > 0


@given(seed=seeds)
@settings(max_examples=8, phases=UNSHRUNK, derandomize=True)
def test_synced_within_30_days_from_the_start_everything_is_exact(seed: int) -> None:
    draw = random.Random(seed)
    histories = random_histories(draw, TOGETHER, ("often",), NEVER_SURE)
    graded, wrong, silent = compared(histories)
    assert silent == []
    assert not wrong.total()
    # Few companies: one account may show a few months under a doubtful discount. The soak holds 99.9% of many.
    assert graded["exact"] >= 0.98 * graded.total()


def frames_of(folded: in_memory.Billing) -> dict[str, pl.DataFrame]:
    """The timeline, the usage charges and the phases of schedules in the order of their keys."""
    return {
        "item_timeline": folded.item_timeline.sort("subscription_item_id", "valid_from"),
        "usage_charge": folded.usage_charge.sort("subscription_item_id", "period_start"),
        "subscription_phase": folded.subscription_phase.sort(SUBSCRIPTION_PHASE.key),
    }


def assert_same(one: in_memory.Billing, other: in_memory.Billing) -> None:
    expected, found = frames_of(one), frames_of(other)
    for name, frame in expected.items():
        assert_frame_equal(frame, found[name])


@given(seed=seeds)
@settings(max_examples=5, phases=UNSHRUNK, derandomize=True)
def test_the_order_and_number_of_records_change_nothing(seed: int) -> None:
    draw = random.Random(seed)
    histories = random_histories(draw, 4)
    once = histories.folded()
    twice = histories.rows * 2
    draw.shuffle(twice)
    assert_same(once, histories.folded(twice))


@given(seed=seeds)
@settings(max_examples=5, phases=UNSHRUNK, derandomize=True)
def test_the_same_evidence_in_nightly_pieces_changes_nothing(seed: int) -> None:
    """Every sync a piece of its own, the newest first, an overlap of two nights in both."""
    draw = random.Random(seed)
    histories = random_histories(draw, 4)
    pieces: dict[str, list[dict[str, object]]] = {}
    for row in histories.rows:
        pieces.setdefault(row["sync_id"], []).append(row)
    nights = [pieces[name] for name in sorted(pieces, reverse=True)]
    overlapping = [
        pl.LazyFrame(new + old, schema=RAW_RECORD.schema)
        for new, old in zip(nights, [*nights[1:], []], strict=True)
    ]
    coverage = [pl.LazyFrame([each], schema=COVERAGE.schema) for each in histories.coverage[::-1]]
    found = in_memory.fold(pl.concat(overlapping), pl.concat(coverage))
    assert_same(histories.folded(), found)


@given(seed=seeds)
@settings(max_examples=5, phases=UNSHRUNK, derandomize=True)
def test_how_often_it_was_synced_changes_nothing(seed: int) -> None:
    """Every night or every four weeks: the same states, exactly, as long as no event is lost."""
    draw = random.Random(seed)
    rare = random_histories(draw, 3, ("often",), NEVER_SURE)
    end, zone = rare.calendar.now, rare.calendar.timezone
    nightly = Histories([replace(each, first=1, gaps=(1,)) for each in rare.lives], end, zone)
    proofs = ("opened_by", "closed_by")
    one, other = (frames_of(each.folded()) for each in (rare, nightly))
    assert_frame_equal(one["item_timeline"].drop(proofs), other["item_timeline"].drop(proofs))
    assert_frame_equal(one["usage_charge"], other["usage_charge"])
    phases = (each["subscription_phase"].drop(proofs) for each in (one, other))
    assert_frame_equal(*phases)


def people(movement: pl.DataFrame, snapshot: pl.DataFrame, draw: random.Random) -> pl.LazyFrame:
    """Accounts with a made-up owner, industry, country, channel and first month; some are not known at all."""
    names = sorted({*movement["account_id"], *snapshot["account_id"]})
    rows = [
        {
            "account_id": name,
            "owner": draw.choice(["Ada", "Grace", None]),
            "industry": draw.choice(["software", "retail", None]),
            "country": draw.choice(["DE", "US", None]),
            "channel": draw.choice(["web", None]),
            "first_paid_month": draw.choice([*movement["month"].unique().sort().to_list(), None]),
        }
        for name in names
        if draw.random() < 0.9
    ]
    return pl.LazyFrame(rows, schema=ACCOUNT.schema)


@given(seed=seeds)
@settings(max_examples=5, phases=UNSHRUNK, derandomize=True)
def test_everything_adds_up_under_every_preset(seed: int) -> None:
    """Roll-forward, components, members, types, cohorts: for any history, whatever its evidence."""
    draw = random.Random(seed)
    histories = random_histories(draw, TOGETHER)
    held, months, calendar = histories.book(), histories.months, histories.calendar
    for name, switches in PRESETS.items():
        policy = mrr.Policy.from_switches(switches | {"policy": name})
        snapshot = mrr.snapshot(held, calendar, months, policy).collect()
        moved = mrr.movements(held, calendar, months, policy, WINDOWS)
        to_come = mrr.scheduled(mrr.Valued.of(held, policy), calendar, months)
        movement = moved.movement.lazy()
        assert metrics.check_roll_forward(movement).is_empty()
        assert metrics.check_components(movement, moved.component.lazy()).is_empty()
        found = metrics.expansion(
            metrics.Moves(
                snapshot.lazy(),
                movement,
                moved.item_movement.lazy(),
                moved.component.lazy(),
                to_come.lazy(),
            ),
            held.fx_rate,
            people(moved.movement, snapshot, draw),
            EVERYTHING,
        )
        figures = found.expansion_metrics.lazy()
        assert metrics.check_members(figures).is_empty()
        assert metrics.check_types(figures, found.expansion_by_type.lazy()).is_empty()
        total = found.expansion_metrics.filter(dimension="total", window_months=1)
        ending = dict(snapshot.group_by("month").agg(pl.col("mrr").sum()).iter_rows())
        assert dict(total.select("month", "ending_mrr").iter_rows()) == {
            month: ending.get(month, 0) for month in total["month"]
        }
        by_member = found.expansion_metrics.filter(window_months=1).group_by("month", "dimension")
        committed = by_member.agg(pl.col("committed_mrr").sum()).drop("dimension").unique()
        assert dict(committed.iter_rows()) == {
            month: ending.get(month, 0)
            - snapshot.filter(pl.col("cancel_at").is_not_null(), month=month)["mrr"].sum()
            + to_come.filter(month=month)["change_mrr"].sum()
            for month in total["month"]
        }
        assert committed.height == total.height, "of every dimension the same"
        cohorts = metrics.cohorts(snapshot.lazy(), held.fx_rate, months)
        summed = cohorts.group_by("month").agg(
            pl.col("retained_mrr").sum() + pl.col("expansion_mrr").sum()
        )
        assert dict(summed.iter_rows()) == ending
        growth = metrics.cohort_growth(snapshot.lazy(), held.fx_rate, months)
        grown = moved.movement.filter(
            pl.col("window_months") == 1,
            pl.col("movement") == "expansion",
            pl.col("opening_mrr") + pl.col("fx_mrr") > 0,
        )
        for month in months:
            expanded = grown.filter(pl.col("month") <= month)["account_id"].n_unique()
            assert growth.filter(month=month)["expanded_accounts"].sum() == expanded
