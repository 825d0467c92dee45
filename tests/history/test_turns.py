"""Turns of a life, folded: what is graded exact is true, and what is synced in time is exact."""

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline import crm
from pipeline.config import Config
from pipeline.lake.landing import sync
from pipeline.sandbox.company import FEATURES, Company
from pipeline.sandbox.company.wishes import TURNS
from pipeline.sandbox.server import HUBSPOT_KEY
from pipeline.schemas import COVERAGE, RAW_RECORD
from pipeline.sources.hubspot import HubSpotSource
from pipeline.sources.hubspot.streams import Wanted
from tests import in_memory
from tests.history.test_properties import KINDS, WIDE
from tests.history.test_properties import compared as compared_companies
from tests.history.test_truth_over_http import (
    END,
    STEP,
    compared,
    published_months,
    pull,
    served,
)
from tests.history.turns import histories

TOGETHER = 10
UNKNOWN = frozenset({"deleted_coupons"})
"""What a coupon is limited to is unknown when it comes and goes between two lists: such months cannot be exact."""
LIVES = FEATURES - {WIDE} | TURNS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("upgrades", [False, True])
def test_what_is_graded_exact_is_true(kind: str, upgrades: bool) -> None:
    """Without coupons where invoices alone tell of the past: see `test_properties.ONLY_OFTEN`."""
    lives = LIVES - (UNKNOWN if kind == "often" else {"coupons"})
    graded, wrong, silent = compared_companies(
        histories("turns", lives, kind, TOGETHER, upgrades=upgrades)
    )
    assert silent == []
    assert graded["exact"] > 0
    if kind == "often":
        assert not wrong.total()


@pytest.mark.parametrize("seed", range(300, 303))
def test_over_http_every_account_month_is_right(seed: int, tmp_path: Path) -> None:
    """Deleted customers are in no list, merged companies are one, two currencies have two rates.

    All is exact but what happened in the very second in which a period begins: there the order is not told.
    """
    company = Company(seed=seed, customers=12, months=10, end=END, features=LIVES - UNKNOWN)
    with served(company, tmp_path) as (server, lake):
        now = company.now
        while now < END:
            now = min(now + STEP, END)
            company.advance(now)
            pull(server, lake, now)
        told = published_months(company, lake)
    for found in compared(told, told.months):
        assert found.examples == {}
        assert set(found.graded) <= {"exact", "bounded"}
        assert found.graded["exact"] >= 0.8 * found.graded.total()
        assert found.graded.total() > 30


@pytest.mark.parametrize("seed", range(300, 303))
def test_over_http_a_first_sync_tells_no_lie(seed: int, tmp_path: Path) -> None:
    company = Company(seed=seed, customers=12, months=10, end=END, features=LIVES)
    with served(company, tmp_path) as (server, lake):
        company.advance(END)
        pull(server, lake, END)
        told = published_months(company, lake)
    for found in compared(told, told.truth.months()):
        assert found.wrong["exact"] == 0, found.examples["exact"]


@pytest.mark.parametrize("seed", range(300, 302))
def test_over_http_a_merged_company_is_its_survivor(seed: int, tmp_path: Path) -> None:
    """HubSpot was asked before the mergers too: what it said then of the companies that are gone is no claim."""
    features = FEATURES - {WIDE} | {"mergers", "deleted_customers"}
    company = Company(seed=seed, customers=10, months=9, end=END, features=features)
    with served(company, tmp_path) as (server, lake):
        for now in (END - timedelta(days=120), END - timedelta(days=50), END):
            company.advance(now)
            pull(server, lake, now)
            hubspot = HubSpotSource(
                HUBSPOT_KEY, server.hubspot_url, wanted=Wanted.of(Config(), alone=True)
            )
            sync(lake, lake.engine, [hubspot], now, f"crm-{now:%Y%m%d}")
        raw = lake.scan(RAW_RECORD, lake.partitions(RAW_RECORD))
        customer = in_memory.fold(raw, lake.scan(COVERAGE)).customer.lazy()
        told = crm.CRMS["hubspot"].told(raw.filter(source="hubspot"), crm.fields_of(Config()))
        links = crm.accounts([("hubspot", told)], customer, crm.LinkRules.of(Config())).account_link
    found = dict(links.select("customer_id", "account_id").iter_rows())
    gone = [
        name
        for each in company.hubspot["companies"].values()
        for name in (each["properties"].get("hs_merged_object_ids") or "").split(";")
        if name
    ]
    assert gone
    linked = {name: to for name, to in company.accounts.items() if to.startswith("hubspot:")}
    assert {name: found[name] for name in linked} == linked
    assert not {f"hubspot:{name}" for name in gone} & set(links.get_column("account_id"))
