"""Worked examples of docs/method.md, "Metrics": one small company whose figures go through all of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import polars as pl

from pipeline import metrics, mrr, publish
from pipeline.config import Benchmarks, Dimensions, Target
from pipeline.config.model import SegmentBand, SegmentDimension
from pipeline.money import RATE_SCALE
from pipeline.months import months_between
from pipeline.schemas import ACCOUNT, FX_RATE
from tests.docs.movement_examples import GONE, PRICES
from tests.docs.page import Example, Figure, Rows
from tests.docs.value_examples import BEGUN, at, dollars
from tests.history.stripe_json import CALENDAR, History, coupon, discount, item, price, state

JANUARY, FEBRUARY, MARCH, APRIL = (date(2026, number, 1) for number in range(1, 5))
NAMES = ("Acme", "Bolt", "Cato", "Dune", "Echo", "Fern", "Gale")
BANDS = (SegmentBand(name="small", below=8_000), SegmentBand(name="large"))
SPEC = metrics.MetricsSpec(
    dimensions=Dimensions(
        account=("segment",), item=("plan",), crossed=(), segment=SegmentDimension(bands=BANDS)
    ),
    targets=(Target(value=0.2),),
)
EURO = price("p_euro", 10_000, "prod_seat") | {"currency": "eur"}


def _prices(*, bolt: int) -> History:
    seats = {name: price(f"p_{name}", 1_000, "prod_seat") for name in ("acme", "bolt")}
    made = History(
        [
            *PRICES,
            *seats.values(),
            price("p60", 6_000, "prod_a"),
            price("p200", 20_000, "prod_a"),
            EURO,
        ]
    )
    ends = int(at(6, 10).timestamp())
    scheduled = {"cancel_at": ends, "canceled_at": int(at(4, 20).timestamp())}
    made.records("coupon", coupon("off", percent_off=40))
    made.records(
        "discount",
        discount("di_echo", "off", at(4, 6), customer="cus_echo", subscription="sub_echo2"),
    )
    made.states(
        (BEGUN, state(item("si_acme", "p_acme", 40))),
        (at(2, 12), state(item("si_acme", "p_acme", 50))),
        (at(4, 9), state(item("si_acme", "p_acme", 75))),
        customer="acme",
    )
    made.states(
        (BEGUN, state(item("si_bolt", "p_bolt", 30))),
        (at(4, 12), state(item("si_bolt", "p_bolt", bolt), status="past_due")),
        customer="bolt",
    )
    made.states(
        (BEGUN, state(item("si_cato", "p200"))),
        (at(4, 2), state(item("si_cato", "p200"), **GONE)),
        customer="cato",
    )
    made.states((at(4, 20), state(item("si_dune", "p100"), **scheduled)), customer="dune")
    made.states(
        (BEGUN, state(item("si_echo", "p60"))),
        (at(2, 18), state(item("si_echo", "p60"), **GONE)),
        customer="echo",
    )
    made.states(
        (at(4, 6), state(item("si_echo2", "p100"), discounts=["di_echo"])),
        customer="echo",
        name="2",
    )
    made.states((BEGUN, state(item("si_fern", "p_euro"))), customer="fern", currency="eur")
    made.states(
        (at(2, 5), state(item("si_gale", "p100"))),
        (at(4, 15), state(item("si_gale", "p120"))), customer="gale")  # fmt: skip
    phases = [(at(4, 25), "p120"), (at(6, 1), "p200")]
    return made.records(
        "subscription_schedule",
        {
            "id": "sub_sched_gale", "object": "subscription_schedule", "created": int(at(4, 25).timestamp()),
            "customer": "cus_gale", "subscription": "sub_gale", "end_behavior": "release",
            "phases": [
                {"start_date": int(start.timestamp()), "items": [{"price": name, "quantity": 1}]}
                for start, name in phases
            ],
        },
    )  # fmt: skip


def rates() -> pl.LazyFrame:
    """A euro is $1.10 until March and $1.20 in April."""
    rows = [
        {"month": month, "currency": currency, "rate": int(worth * RATE_SCALE / 100)}
        for month in months_between(date(2025, 1, 1), APRIL)
        for currency, worth in (("usd", 100), ("eur", 120 if month == APRIL else 110))
    ]
    return pl.LazyFrame(rows, schema_overrides=FX_RATE.schema)


@cache
def company(bolt: int = 24) -> mrr.Book:
    return replace(_prices(bolt=bolt).mrr_book(), fx_rate=rates())


@cache
def moved(bolt: int = 24) -> mrr.Movements:
    """April in windows of 1 and 3 months."""
    return mrr.movements(company(bolt), CALENDAR, [APRIL], mrr.Policy(), (1, 3))


@cache
def figures(bolt: int = 24) -> metrics.Metrics:
    found = moved(bolt)
    worths = mrr.Valued.of(company(bolt), mrr.Policy())
    return metrics.expansion(
        metrics.Moves(
            mrr.snapshot(company(bolt), CALENDAR, [APRIL], mrr.Policy()),
            found.movement.lazy(),
            found.item_movement.lazy(),
            found.component.lazy(),
            mrr.scheduled(worths, CALENDAR, [APRIL]).lazy(),
        ),
        company(bolt).fx_rate,
        ACCOUNT.empty().lazy(),
        SPEC,
    )


def _line(dimension: str, member: str, window: int = 1) -> dict[str, Any]:
    return figures().expansion_metrics.row(
        by_predicate=(pl.col("dimension") == dimension)
        & (pl.col("member") == member)
        & (pl.col("window_months") == window),
        named=True,
    )


def _money(row: Mapping[str, Any], *columns: str) -> tuple[Figure, ...]:
    return tuple(dollars(row[column]) for column in columns)


ROLL_FORWARD = (
    "starting_mrr", "fx_mrr", "new_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr", "reactivation_mrr",
)  # fmt: skip


def company_accounts() -> Rows:
    """Opening, FX, delta, closing and movement of each account in April; the sum."""
    rows = moved().movement.filter(pl.col("window_months") == 1).iter_rows(named=True)
    by_account = {row["account_id"].removeprefix("cus_").title(): row for row in rows}
    columns = ("opening_mrr", "fx_mrr", "delta_mrr", "closing_mrr")
    found = {
        name: (*_money(by_account[name], *columns), by_account[name]["movement"] or "none")
        for name in NAMES
    }
    sums = tuple(dollars(sum(row[column] for row in by_account.values())) for column in columns)
    return {**found, "**all**": sums}


def formulas() -> Rows:
    row = _line("total", "all")
    shares = {
        "expansion rate": "expansion_rate",
        "expansion rate, annualised": "expansion_rate_annualised",
        "NRR": "nrr",
        "GRR": "grr",
        "quick ratio": "quick_ratio",
        "quick ratio with reactivation": "quick_ratio_with_reactivation",
        "expansion share of new": "expansion_share_of_new",
        "expansion share of total": "expansion_share_of_total",
        "MRR growth": "mrr_growth_rate",
        "logo retention": "logo_retention",
        "share of the top account": "top1_share",
        "share of the top 5 accounts": "top5_share",
        "attainment of a target of 20%": "attainment",
    }
    money = {
        "expansion ARR": "expansion_arr",
        "organic expansion": "organic_expansion_mrr",
        "committed MRR": "committed_mrr",
        "MRR at a discount": "discounted_mrr",
        "MRR at risk": "at_risk_mrr",
        "voluntary churn": "voluntary_churned_mrr",
        "involuntary churn": "involuntary_churned_mrr",
    }
    return {
        **{name: (row[column], row[column]) for name, column in shares.items()},
        **{name: _money(row, column, column) for name, column in money.items()},
    }


def by_type() -> Rows:
    rows = figures().expansion_by_type.filter(dimension="total", window_months=1)
    return {
        f"`{row['type']}`": (dollars(row["amount"]), row["accounts"], row["share"])
        for row in rows.iter_rows(named=True)
    }


def windows() -> Rows:
    found = {"1 month": _line("total", "all", 1), "3 months": _line("total", "all", 3)}
    return {
        name: (*_money(row, *ROLL_FORWARD, "ending_mrr"), row["nrr"]) for name, row in found.items()
    }


def segments() -> Rows:
    columns = (*ROLL_FORWARD, "transfer_in_mrr", "transfer_out_mrr", "ending_mrr")
    found = {name: _money(_line("segment", name), *columns) for name in ("small", "large")}
    return {**found, "**all**": _money(_line("total", "all"), *columns)}


def plans() -> Rows:
    """One account on Basic at $100 and 10 seats, whose Basic becomes Pro at $250."""
    made = History(PRICES).states(
        (BEGUN, state(item("si", "p100"), item("si_2", "p_seat", 10))),
        (at(4, 9), state(item("si", "p_pro"), item("si_2", "p_seat", 10))),
    )
    book = replace(
        made.mrr_book(), fx_rate=rates(), plans={"p100": "Basic", "p_pro": "Pro", "p_seat": "Seats"}
    )
    found = mrr.movements(book, CALENDAR, [APRIL], mrr.Policy(), (1,))
    rows = metrics.expansion(
        metrics.Moves(
            mrr.snapshot(book, CALENDAR, [APRIL], mrr.Policy()),
            found.movement.lazy(), found.item_movement.lazy(), found.component.lazy(),
        ),
        book.fx_rate, ACCOUNT.empty().lazy(), SPEC,
    ).expansion_metrics.filter(dimension="plan")  # fmt: skip
    columns = ("starting_mrr", "expansion_mrr", "transfer_in_mrr", "transfer_out_mrr", "ending_mrr")
    return {row["member"]: _money(row, *columns) for row in rows.iter_rows(named=True)}


def cohorts() -> Rows:
    snapshots = mrr.snapshot(company(), CALENDAR, months_between(JANUARY, APRIL), mrr.Policy())
    rows = metrics.cohorts(snapshots, rates(), [APRIL]).iter_rows(named=True)
    columns = ("starting_mrr", "retained_mrr", "expansion_mrr")
    return {
        f"{row['cohort_month']:%B}": (
            row["age_months"], row["accounts"], *_money(row, *columns), row["nrr"], row["grr"],
        )
        for row in rows
    }  # fmt: skip


def growth() -> Rows:
    snapshots = mrr.snapshot(company(), CALENDAR, months_between(JANUARY, APRIL), mrr.Policy())
    rows = metrics.cohort_growth(snapshots, rates(), [APRIL]).iter_rows(named=True)
    early = "early_expansion_mrr"
    return {
        f"{row['cohort_month']:%B}": (
            row["accounts"], row["expanded_accounts"], row["median_months_to_expansion"],
            dollars(row["starting_mrr"]), row["early_accounts"],
            None if row[early] is None else dollars(row[early]), row["early_expansion_rate"],
        )
        for row in rows
    }  # fmt: skip


def bands() -> Rows:
    benchmarks = Benchmarks()

    def named(rate: float) -> tuple[Figure, ...]:
        monthly = Benchmarks.band(benchmarks.monthly_expansion_rate, rate)
        return monthly, Benchmarks.band(benchmarks.annual_expansion_rate, rate)

    shown = (0.01, 0.02, 0.05, 0.1, 0.15, 0.25)
    return {f"{rate:.0%}": named(rate) for rate in shown}


def restatement() -> Rows:
    """April was published with 24 seats of Bolt; later evidence shows 20."""
    old, new = figures().expansion_metrics, figures(20).expansion_metrics
    when = datetime(2026, 6, 2, tzinfo=UTC)
    _, rows = publish.restate(old, new, [APRIL], "evidence", when)
    total = rows.filter(
        pl.col("dimension") == "total",
        pl.col("metric").is_in(["contraction_mrr", "ending_mrr", "nrr"]),
    )
    return {
        f"`{row['metric']}`": (row["version"], row["old"], row["new"], row["cause"])
        for row in total.iter_rows(named=True)
    }


EXAMPLES: list[Example] = [
    company_accounts, formulas, by_type, windows, segments, plans, cohorts, growth, bands, restatement,
]  # fmt: skip
