"""Attribution at scale: the pure functions on a million components and a hundred thousand deals.

Usage: python -m bench.attribution [--components 1000000] [--deals 100000]

Each account has one item whose seats grow in ten months, and deals around some of them. The result, with seconds a step
and the most memory held, goes to bench/results/.
"""

import argparse
import json
import os
import sys
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from bench.measuring import apart, keep, peak_mebibytes, timed
from pipeline import mrr
from pipeline.billing import schedules
from pipeline.metrics import attribution as who
from pipeline.months import Calendar
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_HISTORY,
    ACCOUNT_LINK,
    COUPON,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    FX_RATE,
    ITEM_TIMELINE,
    MRR_MOVEMENT_COMPONENT,
    PRICE,
    PRODUCT,
    SUBSCRIPTION_PHASE,
    USAGE_CHARGE,
    Table,
)

MONTHS = 10
NOW = datetime(2026, 11, 20, tzinfo=UTC)
CALENDAR = Calendar(now=NOW, first_month=date(2026, 1, 1))
DAY = 86_400_000_000
MICRO = 1_000_000


def filled(table: Table, frame: pl.DataFrame) -> pl.LazyFrame:
    """`frame` with the table's other columns, empty."""
    missing = [name for name in table.names if name not in frame.columns]
    lacking = [pl.lit(None, dtype=table.schema[name]).alias(name) for name in missing]
    return table.conform(frame.lazy().with_columns(lacking)).collect().lazy()


def grown(accounts: int) -> pl.DataFrame:
    """One row per account and month in which its seats grew: `account, month, number, at`."""
    months = pl.DataFrame(
        {"month": CALENDAR.months[1 : MONTHS + 1], "number": range(1, MONTHS + 1)}
    )
    rows = pl.DataFrame({"account": range(accounts)}).join(months, how="cross")
    day = (pl.col("account") * 7 + pl.col("number") * 3) % 28
    start = pl.col("month").cast(pl.Datetime("us", "UTC"))
    return rows.with_columns(at=start + pl.duration(days=day, hours=9))


def book_of(changes: pl.DataFrame) -> mrr.Book:
    """The timeline of the items, at one price."""
    item = pl.format("si_{}", "account")
    spans = changes.sort("account", "number").with_columns(
        subscription_item_id=item,
        subscription_id=pl.format("sub_{}", "account"),
        customer_id=pl.format("cus_{}", "account"),
        price_id=pl.lit("price"),
        price_version=pl.lit(0, dtype=pl.Int64),
        currency=pl.lit("usd"),
        quantity=pl.col("number") + 1,
        status=pl.lit("active"),
        collection_paused=pl.lit(value=False),
        in_trial=pl.lit(value=False),
        discounts=pl.lit([], dtype=ITEM_TIMELINE.schema["discounts"]),
        net_num=pl.lit(1, dtype=pl.Int64),
        net_den=pl.lit(1, dtype=pl.Int64),
        valid_from="at",
        valid_to=pl.col("at").shift(-1).over("account"),
    )
    first = spans.filter(pl.col("number") == 1).with_columns(
        quantity=pl.lit(1, dtype=pl.Int64),
        valid_from=pl.lit(CALENDAR.start(date(2026, 1, 1))),
        valid_to="at",
    )
    price = pl.DataFrame(
        {"price_id": ["price"], "currency": ["usd"], "price_version": [0], "product_id": ["p"],
         "billing_scheme": ["per_unit"], "usage_type": ["licensed"], "interval": ["month"],
         "interval_count": [1], "scale": [0], "unit": [1000]}
    )  # fmt: skip
    return mrr.Book(
        item_timeline=filled(ITEM_TIMELINE, pl.concat([first, spans])),
        usage_charge=USAGE_CHARGE.empty().lazy(),
        price=filled(PRICE, price),
        coupon=COUPON.empty().lazy(),
        product=PRODUCT.empty().lazy(),
        account_link=mrr.empty_links(),
        fx_rate=FX_RATE.empty().lazy(),
    )


def crm_of(accounts: int, deals: int) -> who.Crm:
    """Deals of every kind, each created some weeks before it closed; two changes of each are known."""
    number = pl.col("number")
    begun = pl.lit(CALENDAR.start(date(2025, 9, 1)))
    created = begun + pl.duration(days=(number * 11) % 400)
    closed = created + pl.duration(days=20 + number % 60)
    made = pl.DataFrame({"number": range(deals)}).select(
        deal_id=pl.format("hubspot:{}", number),
        account_id=pl.format("hubspot:{}", (number * 17) % accounts),
        type=pl.lit("existingbusiness"),
        stage=pl.lit("Closed"),
        owner=pl.format("Owner {}", number % 50),
        amount=(number % 100 + 1) * MICRO,
        currency=pl.lit("usd"),
        created=created,
        closed=closed,
        won=(number % 5).replace_strict({0: True, 1: True, 2: True, 3: False}, default=None),
    )  # fmt: skip
    stages = pl.concat(
        made.select("deal_id", at=at, field=pl.lit("stage"), value=pl.lit(name), closes=pl.lit(closes),
                    probability=pl.lit(likely))
        for at, name, closes, likely in (("created", "Open", False, 0.4), ("closed", "Closed", True, 1.0))
    )  # fmt: skip
    account = pl.DataFrame({"number": range(accounts)}).select(
        account_id=pl.format("hubspot:{}", number),
        source=pl.lit("hubspot"),
        owner=pl.lit("Ann Lee"),
    )
    links = account.select(
        "account_id", customer_id=pl.col("account_id").str.replace("hubspot:", "cus_")
    )
    return who.Crm(
        filled(CRM_DEAL, made),
        filled(CRM_DEAL_HISTORY, stages.sort("deal_id", "at")),
        filled(ACCOUNT, account),
        ACCOUNT_HISTORY.empty().lazy(),
        filled(ACCOUNT_LINK, links),
        FX_RATE.empty().lazy(),
    )


def run(components: int, deals: int) -> dict[str, Any]:
    """Seconds of each step, and what came out."""
    told: dict[str, Any] = {"threads": pl.thread_pool_size()}
    changes = grown(components // MONTHS)
    component = filled(
        MRR_MOVEMENT_COMPONENT,
        changes.select(
            "month",
            window_months=pl.lit(1, dtype=pl.Int64),
            account_id=pl.format("hubspot:{}", "account"),
            subscription_item_id=pl.format("si_{}", "account"),
            type=pl.lit("seat"),
            movement=pl.lit("expansion"),
            amount=pl.lit(10 * MICRO, dtype=pl.Int64),
        ),
    )
    book, crm, rules = book_of(changes), crm_of(components // MONTHS, deals), who.AttributionRules()
    none = schedules.planned(SUBSCRIPTION_PHASE.empty().lazy())
    told["inputs_mebibytes"] = peak_mebibytes()
    with timed(told, "dated"):
        dated = who.dated(who.expanding(component), book, mrr.Policy(), CALENDAR, none)
    with timed(told, "attributed"):
        said = who.attributed(dated, crm, rules)
    with timed(told, "sensitivity"):
        who.sensitivity(dated, crm, rules)
    with timed(told, "pipeline"):
        who.crm_pipeline(crm, CALENDAR.ends(CALENDAR.months), rules)
    with timed(told, "reconciliation"):
        won = who.reconciliation(dated, said, crm, NOW.date(), rules)
    told["attributions"] = dict(said.group_by("attribution").len().sort("attribution").iter_rows())
    told["outcomes"] = dict(won.group_by("outcome").len().sort("outcome").iter_rows())
    told["peak_mebibytes"] = peak_mebibytes()
    return told


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--components", type=int, default=1_000_000)
    parser.add_argument("--deals", type=int, default=100_000)
    parser.add_argument("--step", action="store_true")
    given = parser.parse_args(arguments)
    size = ("--components", str(given.components), "--deals", str(given.deals))
    if given.step:
        print(json.dumps(run(given.components, given.deals)))
        return
    told = apart("bench.attribution", "--step", *size)
    told |= {"components": given.components, "deals": given.deals, "cores": os.cpu_count()}
    print(json.dumps(told, indent=1))
    keep(f"attribution-{given.components}", told)


if __name__ == "__main__":
    main(sys.argv[1:])
