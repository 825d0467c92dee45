"""Whatever the months hold (nothing, one account, none for a while), every rule is judged and told once."""

from collections.abc import Sequence

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts import Beside, Evaluation, Letterhead, Story, compose
from pipeline.config import AlertRule
from pipeline.months import add_months
from pipeline.schemas import EXPANSION_BY_TYPE, EXPANSION_METRICS
from tests.alerts.alert_figures import JANUARY, NOW, metrics
from tests.alerts.nights import QUALITY, Nights

RULES = (
    AlertRule(id="floor", kind="floor", threshold=0.01, dimension="segment"),
    AlertRule(id="target", kind="target", periods=2),
    AlertRule(id="drop", kind="drop", min_events=1),
    AlertRule(id="last year", kind="drop", against="last_year", dimension="segment", min_events=1),
    AlertRule(id="significant", kind="significant_drop", p=0.2, min_events=3),
    AlertRule(id="segments", kind="segment_deterioration", q=0.3, min_events=3),
    AlertRule(id="declines", kind="consecutive_declines", declines=2, dimension="segment"),
    AlertRule(id="mix", kind="mix_shift", min_events=5, p=0.2),
    AlertRule(id="share", kind="concentration", min_events=1),
    AlertRule(id="pace", kind="pacing"),
    QUALITY,
)
HEAD = Letterhead("run", NOW)
Cell = tuple[int, int] | None
cells = st.none() | st.tuples(st.sampled_from([0, 1, 30, 500]), st.integers(0, 60))
stretches = st.lists(st.tuples(cells, st.integers(1, 10)), min_size=2, max_size=5)
histories = stretches.map(lambda found: [cell for cell, count in found for _ in range(count)])


def _figures(history: Sequence[Cell], dimension: str, member: str) -> pl.DataFrame:
    """One row per month that there is: accounts, and how many of them expand."""
    frames = [EXPANSION_METRICS.empty()]
    for place, cell in enumerate(history):
        if cell is None:
            continue
        accounts, expand = cell[0], min(cell)
        rate = expand / accounts if accounts else None
        row = metrics([rate], first=add_months(JANUARY, place), dimension=dimension, member=member)
        frames.append(
            row.with_columns(
                opening_accounts=pl.lit(accounts, pl.Int64),
                expanding_accounts=pl.lit(expand, pl.Int64),
                starting_mrr=pl.lit(accounts * 10**9, pl.Int64),
                top1_share=pl.lit(1 / expand if expand else None, pl.Float64),
            )
        )
    return pl.concat(frames)


def _types(figures: pl.DataFrame) -> pl.DataFrame:
    """Seats are two of three expansions in one month, one of three in the next."""
    part = pl.col("month").dt.month() % 2 + 1
    total = figures.filter(dimension="total").with_columns(
        amount=pl.lit(0, pl.Int64), share=None, components=None
    )
    counted = [
        total.with_columns(type=pl.lit(kind), accounts=(pl.col("expanding_accounts") * share) // 3)
        for kind, share in (("seat", part), ("plan", 3 - part))
    ]
    return pl.concat(EXPANSION_BY_TYPE.conform(each.lazy()).collect() for each in counted)


def _heard(found: Evaluation, told: set[str], opened: set[str]) -> None:
    """Every message can be written, is new, and answers only what was told."""
    for intent in found.intents:
        assert intent.key not in told
        told.add(intent.key)
        assert compose(intent, lambda _: Story(), HEAD).text
        if intent.kind in {"fired", "digest"}:
            opened.update(intent.episodes)
        assert opened.issuperset(intent.episodes)


@settings(max_examples=30)
@given(total=histories, segment=histories, pauses=st.sets(st.integers(1, 20), max_size=2))
def test_every_rule_is_judged_and_told_once(
    total: list[Cell], segment: list[Cell], pauses: set[int]
) -> None:
    figures = pl.concat([_figures(total, "total", "all"), _figures(segment, "segment", "smb")])
    types, nights = _types(figures), Nights(rules=RULES)
    told: set[str] = set()
    opened: set[str] = set()
    for length in sorted({*pauses, 20}):
        closed = pl.col("month") < add_months(JANUARY, length)
        nights.beside = Beside(by_type=types.filter(closed), open_month=figures.filter(~closed))
        _heard(nights.run(figures.filter(closed)), told, opened)
        assert nights.night(figures.filter(closed)) == []
    open_now = nights.states.filter(pl.col("state").is_in(["firing", "recovering"]))
    assert opened.issuperset(open_now["episode_id"])
