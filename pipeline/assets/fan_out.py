"""Work on many jobs: here, two processes side by side, or the processors of a Ray cluster.

Belongs here: the one seam between one process and several. A job says everything that its work needs and holds no
secret: it is sent to other machines, which read and write the lake, and nothing else. Does not belong here: what the
work is, and how many jobs there are.
"""

import logging
import math
import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.synchronize import Event
from threading import Thread
from typing import Any, TypeVar

import polars as pl

from pipeline.errors import ConfigError, ProcessKilled

J = TypeVar("J")
T = TypeVar("T")

AT_ONCE = 2
"""Processes on this machine. Each has its part of the processors: two that share one pool of Polars' threads take a
sixth more processor time, and leave a sixth of it idle."""
THREADS = "POLARS_MAX_THREADS"
UNWANTED: list[Event] = []
"""In a process that was begun for jobs: set when nobody wants more of them."""
KILLED = (
    "A process that computed a part of the accounts ended without a word: it was killed, most likely because memory "
    "ran out, or it could not start."
)
WHAT_TO_DO = (
    "The rest was tried by one process alone, in vain: nothing of this step was shown. Give the machine more memory "
    "(2 GiB are needed) or stop what else uses it, and run it again."
)
LOG = logging.getLogger(__name__)
AHEAD = 2
"""Jobs for each processor of the cluster that are begun before the first is done."""


def fan_out(work: Callable[[J], T], jobs: Iterable[J], address: str | None = None) -> Iterator[T]:
    """What `work` makes of each job, in the order of the jobs.

    Args:
        work: a function of a module, of which the other machines have the same version.
        jobs: what can be pickled; each is let go when it is done. A single one is done in this process.
        address: of a Ray cluster (`RAY_ADDRESS`); None: this machine does all of it.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
        ProcessKilled: a process on this machine was killed, and so was the one that went on alone.
    """
    return _here(work, jobs) if address is None else _on_ray(work, jobs, address)


def processors(address: str | None) -> int:
    """How many jobs there should be at least: one for each processor of the cluster, 1 on this machine.

    Raises:
        ConfigError: as `fan_out`.
    """
    return (
        1 if address is None else max(1, int(_cluster(address).cluster_resources().get("CPU", 1)))
    )


def _here(work: Callable[[J], T], jobs: Iterable[J]) -> Iterator[T]:
    """Side by side; if a process is killed, what is left is done by one that has all the memory."""
    left = iter(jobs)
    waiting = deque(islice(left, AT_ONCE))
    if len(waiting) <= 1:
        yield from map(work, waiting)
        return
    for processes in (AT_ONCE, 1):
        try:
            yield from _side_by_side(work, waiting, left, processes)
        except BrokenProcessPool as error:
            LOG.warning("%s", KILLED)
            killed = error
        else:
            return
    raise ProcessKilled(f"{KILLED} {WHAT_TO_DO}") from killed


def _side_by_side(
    work: Callable[[J], T], waiting: deque[J], left: Iterator[J], processes: int
) -> Iterator[T]:
    """What `work` makes of the jobs that wait and of those that are left; what is done waits no longer."""
    # A copy of this process would have the locks of its threads, but not the threads.
    spawning = multiprocessing.get_context("spawn")
    unwanted = spawning.Event()
    pool = ProcessPoolExecutor(processes, spawning, _begin, (unwanted,))
    begun: deque[Future[T]] = deque()
    try:
        while True:
            # One more than are worked on waits, so that nobody waits for the first of them to be taken.
            waiting.extend(islice(left, max(0, processes + 1 - len(waiting))))
            with _threads(math.ceil(pl.thread_pool_size() / processes)):
                begun.extend(
                    pool.submit(_done, work, job) for job in islice(waiting, len(begun), None)
                )
            if not begun:
                return
            result = begun.popleft().result()
            waiting.popleft()
            yield result
    finally:
        unwanted.set()
        pool.shutdown(cancel_futures=True)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Polars has so many threads in processes that begin now; it reads that when it is loaded, here long ago."""
    before = os.environ.get(THREADS)
    os.environ[THREADS] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


def _begin(unwanted: Event) -> None:
    """What a process does before its first job: it leaves interrupts to its parent, and ends when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    UNWANTED.append(unwanted)
    Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _done(work: Callable[[J], T], job: J) -> T:
    """What `work` makes of a job, in a process that was begun for it.

    Raises:
        CancelledError: the job was handed over, but nobody wants it any more.
        RuntimeError: instead of an error that cannot be sent to another process, with its words.
    """
    if any(each.is_set() for each in UNWANTED):
        raise CancelledError
    try:
        return work(job)
    except BaseException as error:
        if _can_be_sent(error):
            raise
        raise RuntimeError(f"{type(error).__name__}: {error}") from None


def _can_be_sent(error: BaseException) -> bool:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - what this process made
    except Exception:
        return False
    return True


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _on_ray(work: Callable[[J], T], jobs: Iterable[J], address: str) -> Iterator[T]:
    ray = _cluster(address)
    # A worker has one processor, so Polars gets one thread there.
    remote = ray.remote(num_cpus=1)(work)
    left = iter(jobs)
    begun = deque(remote.remote(job) for job in islice(left, AHEAD * processors(address)))
    try:
        while begun:
            yield ray.get(begun.popleft())
            begun.extend(remote.remote(job) for job in islice(left, 1))
    finally:
        # Nobody wants what is left of a step that failed or was interrupted.
        for job in begun:
            ray.cancel(job)


def _cluster(address: str) -> Any:
    """Ray's module, with this process connected to the cluster."""
    try:
        import ray  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise ConfigError(
            "RAY_ADDRESS is set, but Ray is not installed here: pip install 'expansion-pipeline[ray]', "
            "or unset RAY_ADDRESS to compute on this machine."
        ) from None
    if not ray.is_initialized():
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                runtime_env={"env_vars": {THREADS: "1"}},
            )
        except (ConnectionError, ValueError) as error:
            raise ConfigError(
                f"There is no Ray cluster at RAY_ADDRESS ({type(error).__name__}). Start it, or unset RAY_ADDRESS "
                f"to compute on this machine."
            ) from None
    return ray
