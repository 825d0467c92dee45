"""Simulated invoices that are voided when no list shows them any more."""

import random
from typing import Any

import orjson
import polars as pl

from pipeline.billing.chosen import latest
from pipeline.sandbox.company import FEATURES
from tests.history.records import Histories, Life
from tests.history.test_nights import observed_by
from tests.history.test_properties import NEVER_SURE, YEARS_END, compared


def test_what_is_graded_exact_is_true_though_only_an_event_tells_of_the_void() -> None:
    draw = random.Random("late voids")
    lives = [
        Life(draw.randrange(2**31), 8, 12, (FEATURES | {"late_voids"}) - NEVER_SURE, 20, (9, 25))
        for _ in range(8)
    ]
    histories = Histories(lives, YEARS_END)
    for evidence in histories.evidence:
        # As where Stripe did not have the invoice any more when the night asked for it.
        evidence.rows = [row for row in evidence.rows if not _listed_void(row)]
    graded, wrong, silent = compared(histories)
    assert silent == []
    assert not wrong.total()
    assert graded["exact"] >= 0.98 * graded.total()
    records = observed_by(histories, YEARS_END)[0].invoice
    told = pl.col("lines").is_null() & (pl.col("invoice_status") == "void")
    listed = latest(records.filter(pl.col("lines").is_not_null()), "source_account", "invoice_id")
    late = listed.filter(pl.col("invoice_status") != "void").join(
        records.filter(told), on="invoice_id", how="semi"
    )
    assert late.collect().height > 0


def _listed_void(row: dict[str, Any]) -> bool:
    return row["stream"] == "invoice" and orjson.loads(row["payload"])["status"] == "void"
