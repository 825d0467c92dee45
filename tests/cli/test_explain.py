"""`expansion explain`: the published figures with what proves them, as text and as JSON, and what can go wrong."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline import database
from pipeline.assets.place import Place
from pipeline.publish import published
from pipeline.schemas import ACCOUNT, ACCOUNT_LINK, MRR_MOVEMENT, MRR_MOVEMENT_COMPONENT
from tests.cli.desk import Desk, Said

ROOT = Path(__file__).resolve().parents[2]
MONTH = "2026-10"
MONEY = re.compile(r"-?\d+\.\d{6}")
KEYS = {
    "account_id", "name", "customers", "month", "window_months", "opening_month", "opening_at", "closing_at",
    "provisional", "currency", "policy", "movement", "churn_kind", "opening_mrr", "fx_mrr", "delta_mrr", "closing_mrr",
    "fx", "components", "unchanged_items", "within_month", "check", "evidence", "why", "published_figures_agree",
    "attribution",
}  # fmt: skip
COMPONENT = {
    "type", "amount", "subscription_item_id", "paired_item_id", "product_id", "plan", "said", "from_value", "to_value",
    "evidence", "opening", "closing", "proofs",
}  # fmt: skip
PROOF = {
    "kind", "id", "what", "within", "at", "since", "recorded_at", "subscription_item_id", "aspect", "before", "after",
    "evidence",
}  # fmt: skip


def _stored(desk: Desk, table: Any, month: str = MONTH) -> pl.DataFrame:
    """The rows of a month as they are in the lake; the tables without months as a whole."""
    place = Place(desk.settings)
    try:
        return place.lake.scan(table, [month] if table.partitioned else None).collect()
    finally:
        place.close()


def _expanded(desk: Desk, window: int = 1) -> dict[str, Any]:
    """The account that expanded most in the month."""
    rows = _stored(desk, MRR_MOVEMENT).filter(
        pl.col("movement") == "expansion", pl.col("window_months") == window
    )
    return rows.sort("delta_mrr", "account_id").to_dicts()[-1]


def _asked(desk: Desk, account: str, month: str = MONTH, *more: str) -> Said:
    return desk.types("explain", "--account", account, "--month", month, *more)


def _json(desk: Desk, account: str, month: str = MONTH, *more: str) -> dict[str, Any]:
    said = _asked(desk, account, month, "--json", *more)
    assert (said.code, said.err) == (0, ""), said
    return dict(json.loads(said.out))


def _one_line(said: Said, *words: str) -> None:
    lines = said.err.strip().splitlines()
    assert (said.code, said.out, len(lines)) == (2, "", 1), said
    for word in words:
        assert word in lines[0], lines[0]


@pytest.mark.slow
def test_every_account_of_the_month_is_told_as_it_was_published(worked: Desk) -> None:
    """To the micro-unit, against the warehouse; Decimal, because SQLite has floating point beneath."""
    engine = database.engine(worked.settings.warehouse_url)
    try:
        movement, component = (
            published(engine, t.name) for t in (MRR_MOVEMENT, MRR_MOVEMENT_COMPONENT)
        )
    finally:
        engine.dispose()
    here = pl.col("month") == date(2026, 10, 1)
    rows = movement.filter(here).to_dicts()
    assert rows
    for row in rows:
        found = _json(worked, row["account_id"])
        for name in ("opening_mrr", "fx_mrr", "delta_mrr", "closing_mrr"):
            assert Decimal(found[name]) * 1_000_000 == row[name], (row["account_id"], name)
        assert found["movement"] == (row["movement"] or "none")
        assert found["evidence"] == row["evidence"]
        parts = component.filter(here, pl.col("account_id") == row["account_id"])
        told = {
            (c["subscription_item_id"], c["type"]): int(Decimal(c["amount"]) * 1_000_000)
            for c in found["components"]
        }
        assert told == {
            (c["subscription_item_id"], c["type"]): c["amount"] for c in parts.to_dicts()
        }
        assert found["check"]["holds"] is True
        assert found["published_figures_agree"] is True


def test_the_json_of_a_process_of_its_own(worked: Desk) -> None:
    """Nothing but one JSON document on stdout; money as decimal strings, instants in ISO 8601."""
    row = _expanded(worked, 3)
    command = [sys.executable, "-m", "pipeline.cli.main", "explain", "--json"]
    done = subprocess.run(
        [*command, "--account", row["account_id"], "--month", MONTH, "--window", "3"],
        cwd=worked.folder,
        env={**os.environ, **worked.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert set(found) == KEYS
    assert (found["month"], found["opening_month"], found["window_months"]) == (MONTH, "2026-07", 3)
    assert found["components"]
    for component in found["components"]:
        assert set(component) == COMPONENT
        assert component["proofs"]
        for name in ("amount", "from_value", "to_value"):
            assert MONEY.fullmatch(component[name])
        for proof in component["proofs"]:
            assert set(proof) == PROOF
            assert datetime.fromisoformat(proof["at"]).tzinfo is not None
    for name in ("opening_mrr", "fx_mrr", "delta_mrr", "closing_mrr"):
        assert MONEY.fullmatch(found[name])
    assert datetime.fromisoformat(found["opening_at"]).tzinfo is not None


def test_the_text_says_amounts_proofs_and_the_sum_in_100_columns(worked: Desk) -> None:
    row = _expanded(worked)
    found = _json(worked, row["account_id"])
    said = _asked(worked, row["account_id"])
    assert (said.code, said.err) == (0, "")
    assert max(len(line.rstrip()) for line in said.out.splitlines()) <= 100
    assert f"({row['account_id']})" in said.out
    assert re.search(r"^Opening .* end of September 2026", said.out, re.MULTILINE)
    assert re.search(r"^✓ .* = ", said.out, re.MULTILINE)
    assert re.search(rf"^Evidence +{row['evidence']}", said.out, re.MULTILINE)
    for component in found["components"]:
        for proof in component["proofs"]:
            assert proof["id"] in said.out


def test_an_account_by_its_customer_and_by_its_name(worked: Desk) -> None:
    row = _expanded(worked)
    links, accounts = _stored(worked, ACCOUNT_LINK), _stored(worked, ACCOUNT)
    mine = pl.col("account_id") == row["account_id"]
    customer = links.filter(mine).get_column("customer_id")[0]
    name = accounts.filter(mine).get_column("name")[0]
    expected = _json(worked, row["account_id"])
    assert expected["name"] == name
    assert customer in expected["customers"]
    assert _json(worked, customer) == expected
    assert _json(worked, f" {name.upper()} ") == expected


def test_an_account_that_does_not_exist(worked: Desk) -> None:
    """The error names the nearest by their ids; what they are called is shown to the person alone."""
    row = _expanded(worked)
    mine = pl.col("account_id") == row["account_id"]
    name = _stored(worked, ACCOUNT).filter(mine).get_column("name")[0]
    said = _asked(worked, name[:-1])
    _one_line(replace(said, out=""), "There is no such account", row["account_id"], "table account")
    assert name not in said.err
    assert f"{row['account_id']} {name}" in " ".join(said.out.split())
    _one_line(_asked(worked, "Nobody & Sons"), "There is no such account")


def test_a_customer_that_is_excluded(worked: Desk) -> None:
    customer = _json(worked, _expanded(worked)["account_id"])["customers"][0]
    with (worked.folder / "pipeline.toml").open("a") as config:
        config.write(f'[exclude]\ncustomers = ["{customer}"]\n')
    _one_line(_asked(worked, customer), customer, "[exclude]")


@pytest.mark.parametrize(
    ("month", "words"),
    [
        ("2019-01", ("2019-01 was never computed", "to 2026-11")),
        ("2027-01", ("2027-01 was never computed", "to 2026-11")),
        ("october", ("is not a month", "YYYY-MM")),
    ],
)
def test_a_month_without_figures(worked: Desk, month: str, words: tuple[str, ...]) -> None:
    _one_line(_asked(worked, _expanded(worked)["account_id"], month), *words)


def test_before_the_first_night(desk: Desk) -> None:
    _one_line(_asked(desk, "cus_a"), "no history yet", "expansion run")


def test_a_window_that_is_not_computed(worked: Desk) -> None:
    said = _asked(worked, "cus_a", MONTH, "--window", "2")
    assert said.code == 2
    assert "--window" in said.err


def test_figures_that_were_published_before_something_changed(worked: Desk) -> None:
    """The explanation is of today's figures, and says so."""
    row = _expanded(worked)
    place = Place(worked.settings)
    try:
        rows = place.lake.scan(MRR_MOVEMENT, [MONTH]).with_columns(pl.col("closing_mrr") + 1)
        place.lake.commit([place.lake.write(MRR_MOVEMENT, rows, MONTH)], run_id="spoiled")
    finally:
        place.close()
    said = _asked(worked, row["account_id"])
    assert said.code == 0
    assert "the published figures of 2026-10 differ" in said.err
    assert "expansion run" in said.err
    assert _json(worked, row["account_id"])["published_figures_agree"] is False
