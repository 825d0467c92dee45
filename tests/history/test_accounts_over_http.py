"""Links and attribution equal the simulated truth: through HTTP, the lake and the domain, nights apart."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import crm, mrr
from pipeline.billing import schedules
from pipeline.database import engine as open_engine
from pipeline.database import upgrade
from pipeline.lake import Lake
from pipeline.lake.landing import sync
from pipeline.metrics import attribution
from pipeline.months import Calendar
from pipeline.sandbox.company import CRM_TURNS, FEATURES, SALESFORCE_IDS, Company
from pipeline.sandbox.company.crm.addresses import AGENCIES
from pipeline.sandbox.server import STRIPE_KEY, SandboxServer
from pipeline.sandbox.truth import Attributed, Attribution, Links, Truth, hubspot, salesforce
from pipeline.schemas import COVERAGE, EXPANSION_ATTRIBUTION, RAW_RECORD
from pipeline.settings import Settings
from pipeline.sources import crm_sources
from pipeline.sources.stripe import StripeSource
from tests import in_memory
from tests.history.records import book, rate
from tests.history.test_truth_over_http import END, FAST, STEP, WIDE

LIVES = FEATURES - {WIDE} | CRM_TURNS
CONFIG = f"""
[crm]
shared_domains = {orjson.dumps(AGENCIES).decode()}
"""
LEVELS = ("crm_field", "metadata", "email", "domain")
COMPANIES = [
    ("hubspot", 400, "UTC"),
    ("hubspot", 603, "Pacific/Auckland"),
    ("salesforce", 500, "UTC"),
    ("salesforce", 604, "America/Los_Angeles"),
]
PORTALS = {"hubspot": hubspot, "salesforce": salesforce}


@dataclass
class Lived:
    """A company whose nights are over, what the product says of it, and the true links."""

    company: Company
    settings: Settings
    stripe: pl.LazyFrame
    folded: in_memory.Billing
    accounts: crm.Accounts
    links: Links


@pytest.fixture(scope="module", params=COMPANIES, ids=lambda chosen: "-".join(map(str, chosen[:2])))
def lived(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lived]:
    """Every night asks Stripe and the CRM; the last is the present."""
    name, seed, zone = request.param
    folder: Path = tmp_path_factory.mktemp(name)
    features = LIVES | ({SALESFORCE_IDS} if name == "salesforce" else set())
    company = Company(seed, customers=40, months=12, end=END, features=features)
    (folder / "pipeline.toml").write_text(f'{CONFIG}[company]\ntimezone = "{zone}"\n')
    url = f"sqlite:///{folder / 'warehouse.db'}"
    upgrade(url)
    lake = Lake(folder / "lake", open_engine(url))
    with SandboxServer(company, crm=name) as server:
        settings = Settings.load(server.environment(), folder)
        now = company.now
        while now < END:
            now = min(now + STEP, END)
            company.advance(now)
            night(server, lake, settings, now)
    stripe, raw = records(lake, "stripe"), records(lake, name)
    folded = in_memory.fold(stripe, lake.scan(COVERAGE))
    told = crm.CRMS[name].told(raw, crm.fields_of(settings.config))
    rules = crm.LinkRules.of(settings.config)
    accounts = crm.accounts([(name, told)], folded.customer.lazy(), rules)
    links = Links(company, PORTALS[name](company), frozenset(AGENCIES))
    yield Lived(company, settings, stripe, folded, accounts, links)
    lake.engine.dispose()


def night(server: SandboxServer, lake: Lake, settings: Settings, now: datetime) -> None:
    """One sync of everything."""
    sources = [
        StripeSource(STRIPE_KEY, server.stripe_url, requests_per_second=FAST),
        *(each.open() for each in crm_sources(settings)),
    ]
    sync(lake, lake.engine, sources, now, f"run-{now:%Y%m%d}")


def records(lake: Lake, source: str) -> pl.LazyFrame:
    """RAW_RECORD rows of one source."""
    streams = [each for each in lake.partitions(RAW_RECORD) if each.startswith(f"{source}.")]
    return lake.scan(RAW_RECORD, streams)


def test_no_link_is_wrong(lived: Lived, record_property: Callable[[str, object], None]) -> None:
    """Each customer is linked as the rules say of what the CRM shows; who is linked belongs there."""
    found = {row["customer_id"]: row for row in lived.accounts.account_link.iter_rows(named=True)}
    matched: Counter[str] = Counter()
    differ = []
    for customer, true in lived.links.of.items():
        row = found[customer]
        said = (row["status"], row["method"], row["account_id"])
        if said != (true.status, true.method, true.account_id):
            differ.append((customer, said, true))
        elif row["status"] == "ambiguous":
            assert set(orjson.loads(row["candidates"])) == true.candidates
        elif row["status"] == "matched":
            assert row["account_id"] in true.right
            matched[row["method"]] += 1
    assert not differ, "\n".join(map(str, differ[:10]))
    findable = sum(bool(each.right) for each in lived.links.of.values())
    record_property("recall", {level: round(matched[level] / findable, 3) for level in LEVELS})
    assert matched.total() > 0.6 * findable


def test_attribution_is_the_truth(
    lived: Lived, record_property: Callable[[str, object], None]
) -> None:
    """Each component of each expanding account: who brought it, on which deals it rests, and its amount."""
    zone = lived.settings.config.company.timezone
    truth = Truth(lived.company, rate, lived.links.accounts, zone)
    months = truth.months()
    calendar = Calendar(now=lived.company.now, timezone=zone, first_month=months[0])
    held = book(lived.folded, months, lived.accounts.account_link.lazy())
    policy = mrr.Policy()
    component = mrr.movements(held, calendar, months, policy).component
    planned = schedules.planned(lived.folded.subscription_phase.lazy())
    rules = attribution.AttributionRules.of(lived.settings.config)
    evidence = attribution.Evidence(component.lazy(), held, planned, crm_of(lived.accounts, held))
    today = lived.company.now.date()
    found, in_shares = (
        attribution.company(evidence, policy, calendar, today, rules, at_once)
        for at_once in (10**9, component.height // 20)
    )
    for table, frame in found.items():
        assert frame.height > 0
        assert_frame_equal(in_shares[table], frame)
    said = found[EXPANSION_ATTRIBUTION]
    true = Attribution(truth, lived.links)
    shares: Counter[str] = Counter()
    differ = []
    for month in filter(calendar.is_closed, months):
        rows = {
            (row["account_id"], row["subscription_item_id"], row["type"]): row
            for row in said.filter(pl.col("month") == month).iter_rows(named=True)
        }
        expected = true.of(month)
        assert set(rows) == set(expected)
        for part, each in expected.items():
            shares[each.attribution] += each.amount
            if told(rows[part]) != told_true(each):
                differ.append(
                    (month, part, told(rows[part]), rows[part]["at"], told_true(each), each.at)
                )
    assert not differ, "\n".join(map(str, differ[:10]))
    record_property("micro_units", dict(shares))
    assert min(shares[each] for each in attribution.ATTRIBUTIONS) > 0


def crm_of(accounts: crm.Accounts, held: mrr.Book) -> attribution.Crm:
    """What attribution reads of the CRM."""
    return attribution.Crm(
        deal=accounts.crm_deal.lazy(),
        deal_history=accounts.crm_deal_history.lazy(),
        account=accounts.account.lazy(),
        account_history=accounts.account_history.lazy(),
        account_link=accounts.account_link.lazy(),
        fx_rate=held.fx_rate,
    )


def told(row: dict[str, Any]) -> tuple[str, frozenset[str], int]:
    """What the product says; a schedule is no deal."""
    contract = row["attribution"] == "contractual"
    deals = frozenset[str]() if contract else frozenset(orjson.loads(row["evidence"]))
    return row["attribution"], deals, row["amount"]


def told_true(each: Attributed) -> tuple[str, frozenset[str], int]:
    """The same of the truth."""
    return each.attribution, each.deals, each.amount
