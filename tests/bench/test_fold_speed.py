"""A night costs what it brings, not what there is: small counts of `bench/fold.py`, compared within one run."""

import time
from collections.abc import Callable
from functools import reduce

import polars as pl
import pytest

from bench.records import copies, simulated
from pipeline import billing
from pipeline.billing.decoding import Evidence
from pipeline.schemas import OBSERVED
from tests import in_memory

ACCOUNTS, MONTHS, COPIES = 100, 12, 40
SHARE = 0.45
"""What a night of one in a hundred customers may cost of folding everything.

With so few accounts a third is what does not depend on the night: products, coupons, discounts. Of 100,000 accounts a
night of 3,300 costs 15% (bench/results).
"""


def cheapest(run: Callable[[], object], times: int = 3) -> float:
    """The least processor time of some runs: what else the machine does counts least."""

    def once() -> float:
        start = time.process_time()
        run()
        return time.process_time() - start

    return min(once() for _ in range(times))


def joined(one: Evidence, other: Evidence) -> Evidence:
    return Evidence(*(pl.concat([one.frame(each), other.frame(each)]) for each in OBSERVED))


@pytest.mark.slow
def test_a_night_of_one_percent_costs_a_fraction_of_everything() -> None:
    raw, coverage = simulated(3, ACCOUNTS, MONTHS)
    # The last lists were read before the coverage ends, so the night brings what is fresh and nothing else.
    coverage = coverage.with_columns(pl.col("covered_to") + pl.duration(hours=1))
    last = coverage.get_column("covered_to").max()
    newest = coverage.filter(pl.col("covered_to") == last).get_column("sync_id").item()
    old = raw.filter(pl.col("sync_id") != newest)
    decoded = reduce(joined, (billing.decode(part.lazy()) for part in copies(old, COPIES)))
    known = Evidence(*(decoded.frame(table).collect().lazy() for table in OBSERVED))
    covered = coverage.filter(pl.col("covered_to") < last).lazy()
    told = in_memory.fold_evidence(known, covered)

    customers = told.customer.get_column("customer_id")
    whose = customers.sample(len(customers) // 100, seed=1)
    fresh = billing.decode(raw.lazy().filter(pl.col("sync_id") == newest).head(0))
    events = known.subscription.filter(pl.col("customer_id").is_in(whose.implode()))
    again = (
        events.sort("at").group_by("customer_id").last().with_columns(at=last, proof=pl.lit("n"))
    )
    fresh = Evidence(
        **{
            Evidence.name_of(table): (
                table.conform(again)
                if table.name == "observed_subscription"
                else fresh.frame(table)
            )
            for table in OBSERVED
        }
    )

    night = in_memory.fold_night(told, known, fresh, covered, coverage.lazy())
    assert 0 < night.customers <= len(whose)
    whole = cheapest(lambda: in_memory.fold_evidence(known, covered))
    part = cheapest(lambda: in_memory.fold_night(told, known, fresh, covered, coverage.lazy()))
    assert part < SHARE * whole, (part, whole)
