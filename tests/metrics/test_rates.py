"""The worked examples of rates that users already know, and figures at their edges."""

from datetime import UTC, date, datetime

import pytest

from pipeline import mrr
from pipeline.config import Benchmarks, Dimensions, Target
from pipeline.metrics import MetricsSpec, Moves, expansion
from pipeline.schemas import ACCOUNT
from tests.history.stripe_json import CALENDAR, History, item, price, state
from tests.metrics.item_books import NO_RATES, Book, one_account_each

BEGUN, MID_MARCH = datetime(2026, 1, 1, 1, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)


def metrics_of(book: Book, spec: MetricsSpec | None = None):
    return expansion(
        Moves(book.snapshot, book.movement, book.item_movement, book.component),
        NO_RATES,
        book.account,
        spec or MetricsSpec(),
    )


def total_of(changes: dict[str, tuple[int, int]], window: int = 1, **spec) -> dict:
    book = one_account_each(changes, window=window)
    rows = metrics_of(book, MetricsSpec(**spec)).expansion_metrics
    return rows.filter(dimension="total").row(0, named=True)


def test_six_percent_is_strong() -> None:
    row = total_of({"a": (60_000, 66_000), "b": (40_000, 40_000)})
    assert (row["starting_mrr"], row["expansion_mrr"]) == (100_000_000_000, 6_000_000_000)
    assert row["expansion_rate"] == 0.06
    assert row["band"] == "strong"


def test_one_point_four_percent_compounds_to_eighteen() -> None:
    row = total_of({"a": (50_000, 50_700)})
    assert row["expansion_rate"] == 0.014
    assert row["expansion_rate_annualised"] == pytest.approx(0.18156, abs=5e-6)
    assert row["expansion_arr"] == 12 * 700_000_000


@pytest.mark.parametrize(
    ("expansion_share", "contraction", "churn", "nrr"),
    [(15, 10, 0, 1.05), (25, 0, 10, 1.15), (25, 0, 15, 1.10), (5, 0, 8, 0.97)],
    ids=["nrr-105", "nrr-115", "nrr-110", "nrr-97"],
)
def test_net_revenue_retention(
    expansion_share: int, contraction: int, churn: int, nrr: float
) -> None:
    changes = {
        "grows": (500, 500 + expansion_share * 10),
        "shrinks": (300, 300 - contraction * 10),
        "leaves": (churn * 10, 0),
        "stays": (200 - churn * 10, 200 - churn * 10),
    }
    row = total_of(changes, window=12)
    assert row["nrr"] == pytest.approx(nrr, abs=1e-12)
    assert row["grr"] == pytest.approx(1 - (contraction + churn) / 100, abs=1e-12)


@pytest.mark.parametrize(
    ("closing", "band"),
    [(1019, "low"), (1020, "healthy"), (1049, "healthy"), (1050, "strong")],
)
def test_monthly_bands_are_half_open(closing: int, band: str) -> None:
    assert total_of({"a": (1000, closing)})["band"] == band


@pytest.mark.parametrize(
    ("closing", "band"),
    [
        (1049, "needs_improvement"),
        (1050, "acceptable"),
        (1100, "good"),
        (1150, "excellent"),
        (1250, "best"),
    ],
)
def test_annual_bands_judge_the_window_of_twelve_months(closing: int, band: str) -> None:
    assert total_of({"a": (1000, closing)}, window=12)["band"] == band
    assert total_of({"a": (1000, closing)}, window=3)["band"] is None


def test_segments_have_annual_bands_of_their_own() -> None:
    book = one_account_each({"small": (100, 115), "large": (10_000, 11_500)}, window=12)
    rows = metrics_of(book).expansion_metrics.filter(dimension="segment")
    assert dict(rows.select("member", "band").rows()) == {"smb": "within", "enterprise": "below"}


def test_what_is_undefined_is_null() -> None:
    row = total_of({"a": (0, 100)})
    undefined = (
        "expansion_rate",
        "expansion_rate_annualised",
        "nrr",
        "grr",
        "logo_retention",
        "quick_ratio",
        "mrr_growth_rate",
        "top1_share",
        "band",
        "target",
        "attainment",
    )
    assert {name: row[name] for name in undefined} == dict.fromkeys(undefined)
    assert row["expansion_share_of_new"] == 0
    assert (row["new_accounts"], row["opening_accounts"], row["closing_accounts"]) == (1, 0, 1)


def test_quick_ratio_with_and_without_what_came_back() -> None:
    book = one_account_each({"up": (100, 140), "down": (100, 90), "new": (0, 20)})
    back = one_account_each({"back": (0, 40)}, before=True)
    both = Book(
        *(
            one.collect().vstack(two.collect()).lazy()
            for one, two in zip(vars(book).values(), vars(back).values(), strict=True)
        )
    )
    row = metrics_of(both).expansion_metrics.filter(dimension="total").row(0, named=True)
    assert row["quick_ratio"] == 6.0
    assert row["quick_ratio_with_reactivation"] == 10.0
    assert row["reactivated_accounts"] == 1


def test_few_large_accounts_are_shown_beside_the_total() -> None:
    grown = {f"a{n}": (1000, 1010) for n in range(9)} | {"whale": (1000, 1910)}
    row = total_of(grown | {"gone": (50, 0)})
    assert row["top1_share"] == 0.91
    assert row["top5_share"] == 0.95
    assert row["top10_share"] == 1.0
    assert row["logo_retention"] == pytest.approx(10 / 11)
    assert (row["voluntary_churned_mrr"], row["involuntary_churned_mrr"]) == (50_000_000, 0)


def test_a_target_is_attained_by_share() -> None:
    targets = (Target(value=0.03), Target(value=0.5, dimension="segment", member="smb"))
    row = total_of({"a": (1000, 1015)}, targets=targets)
    assert (row["target"], row["attainment"]) == (0.03, 0.5)
    assert total_of({"a": (1000, 1015)}, window=12, targets=targets)["target"] is None


def test_an_account_that_outgrows_its_segment_is_a_transfer_at_closing_value() -> None:
    book = one_account_each({"grows": (2000, 2500), "stays": (3000, 3000)})
    rows = metrics_of(book).expansion_metrics.filter(dimension="segment")
    columns = ("member", "starting_mrr", "expansion_mrr", "transfer_in_mrr", "transfer_out_mrr")
    millions = [
        (row[0], *(value // 1_000_000 for value in row[1:]))
        for row in rows.select(*columns, "ending_mrr").rows()
    ]
    assert millions == [("mid_market", 3000, 0, 2500, 0, 5500), ("smb", 2000, 500, 0, 2500, 0)]


def test_an_item_that_changes_plan_transfers_at_opening_value_and_grows_in_the_new_plan() -> None:
    book = one_account_each({"up": (50, 150)}, opening_plan="Basic")
    spec = MetricsSpec(dimensions=Dimensions(account=(), item=("plan",), crossed=()))
    found = metrics_of(book, spec)
    columns = ("member", "starting_mrr", "expansion_mrr", "transfer_in_mrr", "transfer_out_mrr")
    rows = found.expansion_metrics.filter(dimension="plan").select(*columns, "ending_mrr")
    millions = [(row[0], *(value // 1_000_000 for value in row[1:])) for row in rows.rows()]
    assert millions == [("Basic", 50, 0, 0, 50, 0), ("Pro", 0, 100, 50, 0, 150)]
    by_type = found.expansion_by_type.filter(dimension="plan")
    assert by_type.select("member", "type", "amount", "accounts", "share").rows() == [
        ("Pro", "seat", 100_000_000, 1, 1.0)
    ]


def test_price_and_discount_are_not_organic() -> None:
    book = one_account_each(
        {"up": (100, 130)},
        parts=[("seat", 10_000_000), ("price", 5_000_000), ("discount", 15_000_000)],
    )
    row = metrics_of(book).expansion_metrics.filter(dimension="total").row(0, named=True)
    assert (row["expansion_mrr"], row["organic_expansion_mrr"]) == (30_000_000, 10_000_000)


def test_default_benchmarks_are_those_that_users_know() -> None:
    assert [band.name for band in Benchmarks().monthly_expansion_rate] == [
        "strong",
        "healthy",
        "low",
    ]


@pytest.mark.parametrize("window", [1, 2])
def test_a_member_that_loses_more_than_it_had_has_no_annualised_rate(window: int) -> None:
    """An item of $100 comes to product B at $40, while its account grows: B's expansion is -$60 over its own $10."""
    prices = {
        "p_a": ("prod_a", 10_000),
        "p_b": ("prod_b", 4_000),
        "p_c": ("prod_c", 10_000),
        "p_d": ("prod_b", 1_000),
    }
    history = History([price(name, cents, product) for name, (product, cents) in prices.items()])
    moving, growing = item("si", "p_a"), item("si_c", "p_c")
    history.states(
        (BEGUN, state(moving, growing)),
        (MID_MARCH, state(item("si", "p_b"), item("si_c", "p_c", 2))),
    ).states((BEGUN, state(item("si_d", "p_d"))), customer="b", name="")
    book, months = history.mrr_book(), [date(2026, 3, 1)]
    moved = mrr.movements(book, CALENDAR, months, mrr.Policy(), (window,))
    snapshot = mrr.snapshot(book, CALENDAR, months, mrr.Policy())
    moves = Moves(
        snapshot, *(each.lazy() for each in (moved.movement, moved.item_movement, moved.component))
    )
    found = expansion(moves, book.fx_rate, ACCOUNT.empty().lazy(), MetricsSpec()).expansion_metrics
    row = found.filter(dimension="plan", member="prod_b").row(0, named=True)
    assert (row["expansion_rate"], row["expansion_rate_annualised"]) == (-6.0, None)
