"""Identities that block: checked on the computed frame, before anything is shown.

Belongs here: from violations to Dagster's check results, and the one error that stops the step.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import polars as pl

from pipeline.errors import IdentityBroken

EXAMPLES = 5

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


def broken(found: Sequence[Looked]) -> IdentityBroken | None:
    """The error that stops the step; None when every identity holds."""
    for spec, violations in found:
        if violations.height:
            first = ", ".join(f"{k} {v}" for k, v in violations.row(0, named=True).items())
            return IdentityBroken(
                f"{spec.asset_key.to_user_string()}: {spec.name} does not hold in "
                f"{violations.height} rows, the first is {first}. Nothing of this step was shown. "
                f"This is a defect of the pipeline: please report it."
            )
    return None


def _examples(violations: pl.DataFrame) -> dg.TableMetadataValue:
    rows: list[dict[str, Any]] = violations.head(EXAMPLES).to_dicts()
    return dg.MetadataValue.table(
        [dg.TableRecord({name: str(value) for name, value in row.items()}) for row in rows]
    )
