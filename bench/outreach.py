"""What outreach added in a simulated company: the hold-out and the estimate against the truth.

Usage: python -m bench.outreach [--customers 5000] [--months 18] [--seed 21]

The company is lived twice up to a month's end, scored, and an experiment is drawn. In one life those with outreach are
asked and some are persuaded, in the other nobody is asked. The difference between the lives is the truth; the pipeline
sees one life at a time. The result goes to bench/results/.
"""

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.lift import configured, typed
from bench.measuring import keep
from pipeline import database
from pipeline.publish import published
from pipeline.sandbox.company import FEATURES, REASONS, Company
from pipeline.sandbox.server import SandboxServer
from pipeline.settings import Settings

DRAWN = datetime(2026, 8, 5, 6, tzinfo=UTC)
OVER = datetime(2026, 11, 10, 6, tzinfo=UTC)
END = datetime(2027, 6, 1, tzinfo=UTC)
"""Far enough that the market stays as it is."""
SYNCED = 25
"""Days between two syncs: Stripe keeps events for 30."""
PERSUADED = 0.17
PROGRAM = '\n[[readiness.programs]]\nname = "calls"\nmonth = "2026-08"\ncost = 50000\naccounts = "calls.csv"\n'


def table(settings: Settings, name: str) -> Any:
    engine = database.engine(settings.warehouse_url)
    try:
        return published(engine, name)
    finally:
        engine.dispose()


def life(folder: Path, given: argparse.Namespace, persuaded: float) -> dict[str, Any]:
    """`experiment_result` of one life: design -> measure -> figures."""
    months = given.months + 7
    company = Company(
        given.seed, customers=given.customers, months=months, end=END, features=FEATURES | {REASONS}
    )
    company.advance(DRAWN)
    configured(folder, company)
    with SandboxServer(company) as server:
        settings = typed(folder, server, "run", "--json")
        typed(folder, server, "experiment", "create", "calls of August", "--share", "0.3")
        drawn = table(settings, "experiment_member").filter(arm="outreach")["account_id"].to_list()
        first = {account: customer for customer, account in reversed(company.accounts.items())}
        company.ask({first[account] for account in drawn}, persuaded)
        for days in range(SYNCED, (OVER - DRAWN).days, SYNCED):
            server.advance(DRAWN + timedelta(days=days))
            typed(folder, server, "sync")
        server.advance(OVER)
        configured(folder, company)
        (folder / "calls.csv").write_text("\n".join(["account_id", *drawn]) + "\n")
        config = folder / "pipeline.toml"
        config.write_text(config.read_text() + PROGRAM)
        settings = typed(folder, server, "run", "--json")
        typed(folder, server, "experiment", "status")
    told: dict[str, Any] = {"asked": len(drawn), "bought": len(company.outreach.bought)}
    for row in table(settings, "experiment_result").to_dicts():
        told.setdefault(row["design"], {})[row["measure"]] = {
            name: row[name]
            for name in ("outreach", "held_out", "effect", "low", "high", "outreach_accounts", "held_out_accounts")
        }  # fmt: skip
    return told


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--months", type=int, default=18)
    parser.add_argument("--seed", type=int, default=21)
    given = parser.parse_args(arguments)
    told: dict[str, Any] = vars(given).copy()
    for name, persuaded in (("asked", PERSUADED), ("left", 0.0)):
        with tempfile.TemporaryDirectory(prefix="outreach-") as folder:
            told[name] = life(Path(folder), given, persuaded)
    shares = [told[name]["randomised"]["expansion_share"]["outreach"] for name in ("asked", "left")]
    told["truth"] = shares[0] - shares[1]
    print(json.dumps(told, indent=1))
    keep(f"outreach-{given.customers}-{given.seed}", told)


if __name__ == "__main__":
    main(sys.argv[1:])
