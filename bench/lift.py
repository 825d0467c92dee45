"""How good the score is on a simulated company: the whole way from its services to the record.

Usage: python -m bench.lift [--customers 2000] [--months 36] [--seed 11] [--chance] [--folder FOLDER]

Its customers buy seats because people fill them, or with --chance by chance alone. The result goes to bench/results/.
"""

import argparse
import csv
import json
import os
import sys
import tempfile
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.measuring import keep, timed
from pipeline import database
from pipeline.cli.main import main as expansion
from pipeline.publish import published
from pipeline.sandbox.company import FEATURES, REASONS, Company
from pipeline.sandbox.server import SandboxServer
from pipeline.settings import Settings

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CONFIG = """\
[fx]
source = "fixed"
[fx.rates]
eur = 1.08
[stripe]
requests_per_second = 2000
[readiness]
"""
TOLD = (
    *("lift_tenth", "auc", "lift_over_best_baseline", "lift_over_rules", "precision_tenth", "precision_25"),
    *("base_rate", "brier", "brier_base_rate", "calibration_error", "expansion_mrr_tenth"),
)  # fmt: skip


def lived(seed: int, customers: int, months: int, *, chance: bool) -> Company:
    """The company up to NOW."""
    features = FEATURES if chance else FEATURES | {REASONS}
    company = Company(seed, customers=customers, months=months, end=NOW, features=features)
    company.advance(NOW)
    return company


def configured(folder: Path, company: Company) -> None:
    """The configuration, and the file of seats in use where the company counts them."""
    text = CONFIG
    if company.reasons is not None:
        with (folder / "usage.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["customer_id", "day", "feature", "value"])
            rows.writerows(company.reasons.used)
        text += 'usage = "usage.csv"\n'
    (folder / "pipeline.toml").write_text(text)


def typed(folder: Path, server: SandboxServer, *arguments: str) -> Settings:
    """Run `expansion` there, and say with which settings."""
    before = dict(os.environ)
    os.environ.update(server.environment())
    try:
        with chdir(folder):
            expansion(arguments)
    except SystemExit as left:
        if left.code:
            raise
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Settings.load(server.environment(), folder)


def recorded(settings: Settings) -> dict[str, Any]:
    """`score_evaluation`: method -> measure -> the figure with its interval."""
    engine = database.engine(settings.warehouse_url)
    try:
        rows = published(engine, "score_evaluation")
    finally:
        engine.dispose()
    told: dict[str, Any] = {"verdict": rows["verdict"][0]}
    told["shipped"] = rows.filter("shipped")["method"][0]
    for row in rows.to_dicts():
        method = told.setdefault(
            row["method"], {name: row[name] for name in ("origins", "accounts", "positives")}
        )
        if row["measure"] in TOLD:
            ends = [row[name] for name in ("value", "low", "high")]
            method[row["measure"]] = [end if end is None else round(end, 3) for end in ends]
    return told


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--chance", action="store_true")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="lift-"))
    folder.mkdir(exist_ok=True)
    told: dict[str, Any] = {}
    with timed(told, "lived"):
        company = lived(given.seed, given.customers, given.months, chance=given.chance)
    configured(folder, company)
    with SandboxServer(company) as server, timed(told, "worked"):
        settings = typed(folder, server, "run", "--json")
    told |= {
        "seed": given.seed,
        "customers": given.customers,
        "months": given.months,
        **recorded(settings),
    }
    print(json.dumps(told, indent=1))
    kind = "chance" if given.chance else "reasons"
    keep(f"lift-{kind}-{given.customers}-{given.seed}", told)


if __name__ == "__main__":
    main(sys.argv[1:])
