"""`experiment status` of programs that have no experiment: an estimate, and what speaks against it.

Belongs here: their rows and words. How it is estimated is in `pipeline.readiness.matched`.
"""

from typing import Any

import polars as pl

from pipeline.assets import programs
from pipeline.assets.place import Place
from pipeline.cli import effects
from pipeline.months import add_months, key_of
from pipeline.readiness.matched import BEFORE, DESIGN

ESTIMATE = "An estimate: nobody drew whom it reached."


def estimates(place: Place, told: pl.DataFrame) -> list[dict[str, Any]]:
    """One row per program of the configuration that names its accounts and no experiment.

    Args:
        place: where.
        told: EXPERIMENT_RESULT.
    """
    return [
        _row(
            {
                "program": each.name, "month": each.month, "over": programs.over(each), "design": DESIGN,
                "reached": programs.reached(place, each).height, "cost": float(each.cost),
            },
            told.filter(experiment=each.name, month=programs.over(each), design=DESIGN),
        )
        for each in programs.estimated(place)
    ]  # fmt: skip


def _row(row: dict[str, Any], told: pl.DataFrame) -> dict[str, Any]:
    results = told.sort("measure").to_dicts()
    return {**row, "results": results, "arr": effects.arr(results)}


def said(row: dict[str, Any]) -> str:
    """The estimate in words."""
    head = f"{row['program']}: a program of {key_of(row['month'])} that reached {row['reached']:,}. {ESTIMATE}"
    if not row["results"]:
        closed = key_of(add_months(row["over"], 1))
        return f"{head}\n  Nothing is known before the night in which {key_of(row['over'])} is closed, in {closed}."
    if all(each["effect"] is None for each in row["results"]):
        return f"{head}\n  No account that it reached had another like it, or months before it were not computed."
    lines = [_line(each, row) for each in row["results"]]
    money = [effects.returned(row, "By this estimate it added")] if row["arr"] else []
    return "\n".join([head, *(f"  {line}" for line in (*lines, *money))])


def _line(result: dict[str, Any], row: dict[str, Any]) -> str:
    if result["measure"] != BEFORE:
        counted = f"{result['outreach_accounts']:,} accounts beside {result['held_out_accounts']:,} like them"
        return f"{effects.effect(result, row['over'])[:-1]}; {counted}."
    if result["effect"] is None:
        return "Whether they differed before, when nobody was reached, is not known."
    ends = [f"{result[end] * 100:+.1f}" for end in ("effect", "low", "high")]
    told = f"Three months before, when it had reached nobody: {ends[0]} points ({ends[1]} to {ends[2]})"
    apart = result["low"] > 0 or result["high"] < 0
    return told + ("; they differed before, so do not trust the estimate." if apart else ".")
