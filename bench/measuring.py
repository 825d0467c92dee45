"""What every measurement needs: time, memory, a process of its own, and a place for the result.

Rivals use it with their own Python, so it imports the standard library only.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

LOOKS = 0.2
ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"


@contextmanager
def timed(told: dict[str, Any], what: str) -> Iterator[None]:
    """Wall and processor seconds of a block."""
    wall, used = time.monotonic(), _used()
    yield
    told[what] = {
        "seconds": round(time.monotonic() - wall, 2),
        "cpu_seconds": round(_used() - used, 2),
    }


def _used() -> float:
    """Processor seconds of this process and those that it began and that have ended."""
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + begun.ru_utime + begun.ru_stime


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


class Together(Thread):
    """Watches the memory of this process and those that it begins, which are counted together.

    What several of them share is counted once (`Pss`). Between two looks, a fifth of a second apart, more may have
    been held.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._most = 0

    def run(self) -> None:
        """Look again and again."""
        while True:
            self._most = max(self._most, sum(_kibibytes(each) for each in _family(os.getpid())))
            time.sleep(LOOKS)

    @property
    def most_mebibytes(self) -> int:
        """The most of all of them together, or of this process alone."""
        return max(round(self._most / 2**10), peak_mebibytes())


def _family(process: int) -> Iterator[int]:
    """A process and all that it began, and they."""
    yield process
    with suppress(OSError):
        for each in Path(f"/proc/{process}/task").iterdir():
            for child in (each / "children").read_text().split():
                yield from _family(int(child))


def _kibibytes(process: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


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
