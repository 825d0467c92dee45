"""What outreach added, in words: the sentences that experiments and estimates share.

Belongs here: sentences. Does not belong here: what was measured (`pipeline.readiness`).
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from pipeline.months import key_of
from pipeline.readiness.experiment import MRR_MEASURE, SHARE_MEASURE, gain


def arr(
    results: Sequence[dict[str, Any]], accounts: int | None = None
) -> tuple[float, float, float] | None:
    """The ARR that outreach to so many accounts added, with its interval; null: not known.

    Args:
        results: EXPERIMENT_RESULT rows.
        accounts: that were to be asked; null: those that the result counts.
    """
    found = next((each for each in results if each["measure"] == MRR_MEASURE), None)
    if found is None or found["effect"] is None:
        return None
    asked = found["outreach_accounts"] if accounts is None else accounts
    return gain(found["effect"], found["low"], found["high"], asked)


def returned(row: dict[str, Any], added: str = "Outreach added") -> str:
    """What it brought, held against its cost."""
    value, low, high = row["arr"]
    if not row["cost"]:
        return f"{added} {value:,.0f} of ARR ({low:,.0f} to {high:,.0f}) at no cost."
    return (
        f"{added} {value:,.0f} of ARR ({low:,.0f} to {high:,.0f}) for {row['cost']:,.0f}: "
        f"{value / row['cost']:.1f} times its cost ({low / row['cost']:.1f} to {high / row['cost']:.1f})."
    )


def effect(result: dict[str, Any], last: date) -> str:
    """The difference in words, with how far it is known; `last` is the month in which it is over."""
    whole = result["month"] >= last
    until = f"up to {key_of(result['month'])}" + ("" if whole else ", not over yet")
    if result["effect"] is None:
        return f"{result['measure']}: no accounts that are alike are in both arms."
    if result["measure"] == SHARE_MEASURE:
        values = [f"{result[end] * 100:+.1f}" for end in ("effect", "low", "high")]
        sides = f"{result['outreach']:.1%} against {result['held_out']:.1%} expanded"
        unit = " points"
    else:
        values = [f"{result[end]:+,.2f}" for end in ("effect", "low", "high")]
        sides = (
            f"{result['outreach']:,.2f} against {result['held_out']:,.2f} of MRR gained an account"
        )
        unit = ""
    sure = result["low"] > 0 or result["high"] < 0
    judged = "" if sure else "; this may be chance"
    return f"{sides}: {values[0]}{unit} ({values[1]} to {values[2]}), {until}{judged}."
