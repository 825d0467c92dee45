"""Links: how much of the MRR is linked, and what stands in the way. Warnings, beside rows of `data_quality`.

Belongs here: what is looked at once customers are linked. Dagster keeps what it is told for ever, so it gets ids and
amounts; names go to `data_quality`, where `forget` reaches them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl
from sqlalchemy import Connection, insert, select, update

from pipeline import crm
from pipeline.assets import checked
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.money import MICRO
from pipeline.schemas import DATA_QUALITY

ASSET = "accounts"
EXAMPLES = 10
ID = re.compile(r"[A-Za-z0-9:_-]{1,64}")
"""What an id looks like; other text may say something personal."""
LINKED = dg.AssetCheckSpec(
    "revenue_linked",
    asset=ASSET,
    description="The MRR of linked customers is at least the share `crm.min_coverage` of all.",
)
EXIST = dg.AssetCheckSpec(
    "explicit_ids_exist",
    asset=ASSET,
    description="The override file, CRM fields and Stripe metadata name customers and accounts that exist.",
)
ONE = dg.AssetCheckSpec(
    "domains_of_one_account",
    asset=ASSET,
    description="No customer has the domain of several accounts.",
)
LEFT_OUT = dg.AssetCheckSpec(
    "excluded_customers",
    asset=ASSET,
    description="The customers whose ids are in `[exclude]` exist. Counts all that are left out.",
)
SPECS = [LINKED, EXIST, ONE, LEFT_OUT]


@dataclass(frozen=True, slots=True)
class Look:
    """What came of one look: a result, and its row of `data_quality`."""

    result: dg.AssetCheckResult
    figures: Mapping[str, Any]
    examples: Sequence[str]


def looked(
    place: Place,
    run_id: str,
    found: crm.Accounts,
    customers: pl.LazyFrame,
    mrr_now: pl.LazyFrame,
    excluded: Sequence[str],
) -> tuple[list[dg.AssetCheckResult], list[dict[str, Any]]]:
    """The results of the checks, and their rows of `data_quality`.

    Args:
        place: where.
        run_id: the run.
        found: what was linked.
        customers: CUSTOMER.
        mrr_now: `customer_id, mrr` of the current month, micro-units.
        excluded: the customers that are left out.
    """
    looks = [
        _linked(place, found, customers, mrr_now),
        _exist(found),
        _one(found),
        _left_out(place.settings.config.exclude.customers, excluded),
    ]
    month = place.calendar().current
    rows = [
        checked.noted(each.result, run_id, month, each.figures, each.examples) for each in looks
    ]
    return [each.result for each in looks], rows


def note(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep rows of `data_quality`, inside the caller's transaction."""
    connection.execute(insert(table_of(DATA_QUALITY)), list(rows))


def clear(connection: Connection, customers: frozenset[str]) -> None:
    """Inside the caller's transaction, keep nothing but the id of these customers in what was noted."""
    table = table_of(DATA_QUALITY)
    mine = table.c.check == f"{ASSET} {LINKED.name}"
    keys = (table.c.run_id, table.c.check, table.c.month)
    for run_id, check, month, told in connection.execute(
        select(*keys, table.c.examples).where(mine)
    ).all():
        lines = json.loads(told or "[]")
        left = [
            line.partition(" ")[0] if line.partition(" ")[0] in customers else line
            for line in lines
        ]
        if left != lines:
            where = (keys[0] == run_id, keys[1] == check, keys[2] == month)
            connection.execute(update(table).where(*where).values(examples=json.dumps(left)))


def _linked(
    place: Place, found: crm.Accounts, customers: pl.LazyFrame, mrr_now: pl.LazyFrame
) -> Look:
    bound = place.settings.config.crm.min_coverage
    currency = place.settings.config.company.reporting_currency.upper()
    held = mrr_now.group_by("customer_id").agg(pl.col("mrr").sum()).filter(pl.col("mrr") > 0)
    rows = found.account_link.lazy().join(held, on="customer_id").collect()
    by_status = _sums(rows, "status")
    by_method = _sums(rows.filter(pl.col("status") == "matched"), "method")
    counted = sum(value for status, value in by_status.items() if status != "ignored")
    matched = by_status.get("matched", 0)
    coverage = matched / counted if counted else 1.0
    largest = (
        rows.filter(pl.col("status").is_in(["unmatched", "ambiguous"]))
        .sort("mrr", "customer_id", descending=[True, False])
        .head(EXAMPLES)
    )
    well = not found.connected or coverage >= bound
    figures = {
        "coverage": round(coverage, 6) if found.connected else None,
        **{f"MRR {status}": value / MICRO for status, value in by_status.items()},
        **{f"MRR by {method}": value / MICRO for method, value in by_method.items()},
    }
    said = (
        f"{coverage:.1%} of the MRR is linked to accounts of the CRM, less than {bound:.0%} (crm.min_coverage). "
        f"Link the largest of the others first: in the CRM, in Stripe's metadata or in the override file; see "
        f"docs/accounts.md. Their names are in the table data_quality."
    )
    ids = ", ".join(
        f"{row['customer_id']} ({row['mrr'] / MICRO:,.2f}, {row['status']})"
        for row in largest.iter_rows(named=True)
    )
    named = largest.lazy().join(
        customers.select("customer_id", "name"), on="customer_id", how="left"
    )
    examples = [
        f"{row['customer_id']} ({row['mrr'] / MICRO:,.2f} {currency} a month, {row['status']})"
        + (f": {row['name']}" if row["name"] else "")
        for row in named.sort("mrr", "customer_id", descending=[True, False])
        .collect()
        .iter_rows(named=True)
    ]
    metadata = {name: value for name, value in figures.items() if value is not None}
    return Look(
        _result(LINKED, well, said, {**metadata, "largest unlinked": ids}),
        figures,
        examples if found.connected else [],
    )


def _exist(found: crm.Accounts) -> Look:
    missing = found.dangling
    figures = {f"by {method}": count for method, count in _counts(missing, "method").items()}
    examples = [
        f"{method}: {told_by} names {named if ID.fullmatch(named) else 'what is no id'}"
        for method, told_by, named in missing.head(EXAMPLES).iter_rows()
    ]
    said = (
        f"{missing.height} customers or accounts that are named do not exist ({examples[0] if examples else ''}). "
        f"They are not used, the next level of linking is. Correct them where they stand."
    )
    return Look(
        _result(EXIST, missing.is_empty(), said, dict(figures), examples), figures, examples
    )


def _one(found: crm.Accounts) -> Look:
    left = found.account_link.filter(
        (pl.col("method") == "domain") & (pl.col("status") == "ambiguous")
    )
    figures = {"domains of several accounts": found.several.height, "customers": left.height}
    examples = [
        f"{', '.join(accounts)} have one domain"
        for accounts in found.several.get_column("accounts").head(EXAMPLES)
    ]
    said = (
        f"{left.height} customers are not linked, as several accounts have the domain of their e-mail. Merge accounts "
        f"that are one, name the domain in crm.shared_domains, or link the customers by id."
    )
    return Look(_result(ONE, left.is_empty(), said, dict(figures), examples), figures, examples)


def _left_out(named: Sequence[str], excluded: Sequence[str]) -> Look:
    unknown = sorted(set(named) - set(excluded))
    figures = {"excluded": len(excluded), "unknown": len(unknown)}
    examples = [each if ID.fullmatch(each) else "what is no id" for each in unknown[:EXAMPLES]]
    said = (
        f"{len(unknown)} of the customers that [exclude] in pipeline.toml names do not exist "
        f"({examples[0] if examples else ''}). Nothing is left out for them: correct the ids, or take them out."
    )
    return Look(_result(LEFT_OUT, not unknown, said, dict(figures), examples), figures, examples)


def _sums(rows: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(rows.group_by(column).agg(pl.col("mrr").sum()).sort(column).iter_rows())


def _counts(rows: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(rows.group_by(column).len().sort(column).iter_rows())


def _result(
    spec: dg.AssetCheckSpec,
    passed: bool,
    said: str,
    metadata: dict[str, Any],
    examples: Sequence[str] = (),
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=spec.description if passed else said,
        metadata={**metadata, **({"examples": "; ".join(examples)} if examples else {})},
    )
