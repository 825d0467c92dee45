"""Runs the tests marked `soak` and keeps what came out, with seed and commit, in bench/results/.

Usage: soak.py [PYTEST ARGUMENT ...]. SOAK_SEED chooses the seed, SOAK_WORKERS the processes.
"""

import json
import os
import platform
import secrets
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
NO_TESTS_COLLECTED = 5


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def cases(report: Path) -> list[dict[str, object]]:
    """One entry a test: its name, its outcome, its seconds, and why it failed or was skipped."""
    found: list[dict[str, object]] = []
    for case in ET.parse(report).iter("testcase"):
        bad = [child for child in case if child.tag in {"failure", "error", "skipped"}]
        entry: dict[str, object] = {
            "test": f"{case.get('classname')}::{case.get('name')}",
            "outcome": bad[0].tag if bad else "passed",
            "seconds": round(float(case.get("time", "0")), 1),
        }
        if bad:
            entry["message"] = bad[0].get("message", "")
        measured = {p.get("name", ""): p.get("value") for p in case.iter("property")}
        if measured:
            entry["measured"] = measured
        found.append(entry)
    return found


def main(arguments: list[str]) -> int:
    seed = int(os.environ.get("SOAK_SEED") or secrets.randbelow(2**31))
    started = datetime.now(UTC)
    clock = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-m", "soak", "--timeout=0"),
                *("-n", os.environ.get("SOAK_WORKERS", "2")),
                f"--hypothesis-seed={seed}",
                f"--junit-xml={report}",
                *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, "SOAK_SEED": str(seed), "HYPOTHESIS_PROFILE": "soak"},
            check=False,
        ).returncode
        if code == NO_TESTS_COLLECTED:
            print("No test is marked `soak`.")
            return code
        results = cases(report) if report.exists() else []
    RESULTS.mkdir(parents=True, exist_ok=True)
    commit = git("rev-parse", "--short=10", "HEAD")
    target = RESULTS / f"soak-{started:%Y%m%dT%H%M%SZ}-{commit}.json"
    figures = {
        "started": started.isoformat(timespec="seconds"),
        "commit": commit,
        "uncommitted_changes": bool(git("status", "--porcelain")),
        "seed": seed,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "seconds": round(time.monotonic() - clock),
        "passed": code == 0,
        "tests": results,
    }
    target.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"Seed {seed}; the result is in {target.relative_to(ROOT)}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
