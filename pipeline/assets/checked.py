"""Identities that block: checked on the computed frame, before anything is shown.

Belongs here: from violations to Dagster's check results, and the one error that stops the step.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from pipeline.assets import shown
from pipeline.errors import IdentityBroken

EXAMPLES = 5
WORDS = {dg.AssetCheckSeverity.WARN: "warning", dg.AssetCheckSeverity.ERROR: "error"}

Looked = tuple[dg.AssetCheckSpec, pl.DataFrame]
"""A check, and the rows that violate it."""


def check(asset: str, name: str, what: str) -> dg.AssetCheckSpec:
    """A blocking check of `asset`, described by the identity that must hold."""
    return dg.AssetCheckSpec(name, asset=asset, description=what, blocking=True)


def results(found: Sequence[Looked]) -> list[dg.AssetCheckResult]:
    """One result a check: it holds when its frame of violations is empty."""
    return [
        dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=violations.is_empty(),
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={
                "violations": violations.height,
                **({"examples": _examples(violations)} if violations.height else {}),
            },
        )
        for spec, violations in found
    ]


def noted(
    result: dg.AssetCheckResult,
    run_id: str,
    month: date,
    figures: Mapping[str, Any],
    examples: Sequence[str],
) -> dict[str, Any]:
    """A check's result as a row of `data_quality`."""
    return {
        "run_id": run_id,
        "check": f"{result.asset_key.to_user_string() if result.asset_key else ''} {result.check_name}",
        "month": month,
        "passed": result.passed,
        "severity": "info" if result.passed else WORDS[result.severity],
        "figures": json.dumps(dict(figures)),
        "examples": json.dumps(list(examples)),
    }


def broken(found: Sequence[Looked]) -> IdentityBroken | None:
    """The error that stops the step; None when every identity holds."""
    for spec, violations in found:
        if violations.height:
            first = ", ".join(
                f"{k} {v}" for k, v in shown.nameless(violations).row(0, named=True).items()
            )
            return IdentityBroken(
                f"{spec.asset_key.to_user_string()}: {spec.name} does not hold in "
                f"{violations.height} rows, the first is {first}. Nothing of this step was shown. "
                f"This is a defect of the pipeline: please report it."
            )
    return None


def _examples(violations: pl.DataFrame) -> dg.TableMetadataValue:
    rows: list[dict[str, Any]] = shown.nameless(violations.head(EXAMPLES)).to_dicts()
    return dg.MetadataValue.table(
        [dg.TableRecord({name: str(value) for name, value in row.items()}) for row in rows]
    )
