"""What every measurement needs: time, memory, a process of its own, and a place for the result.

Rivals use it with their own Python, so it imports the standard library only.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"


@contextmanager
def timed(told: dict[str, Any], what: str) -> Iterator[None]:
    """Wall and processor seconds of a block."""
    wall, used = time.monotonic(), time.process_time()
    yield
    told[what] = {
        "seconds": round(time.monotonic() - wall, 2),
        "cpu_seconds": round(time.process_time() - used, 2),
    }


def apart(module: str, *arguments: str, python: Path | str = sys.executable) -> dict[str, Any]:
    """What a module prints as JSON on its last line, run in a process of its own."""
    done = subprocess.run(
        [str(python), "-m", module, *arguments],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(done.stderr)
        done.check_returncode()
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def peak_mebibytes() -> int:
    """The most memory that this process held; `ru_maxrss` would count what its parent held when it was started."""
    status = Path("/proc/self/status").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    return round(int(kibibytes) / 2**10)


def keep(name: str, told: dict[str, Any]) -> None:
    """Write a result, with its instant and the code's commit, into bench/results/."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"at": now, "commit": _commit(), **told}, indent=2) + "\n")
    print(path.relative_to(ROOT))


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
