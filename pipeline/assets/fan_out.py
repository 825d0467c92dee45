"""Work on many jobs: here, two processes side by side, or the processors of a Ray cluster.

Belongs here: the one seam between one process and several. A job says everything that its work needs and holds no
secret: it is sent to other machines, which read and write the lake, and nothing else. Does not belong here: what the
work is, and how many jobs there are.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
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
        ProcessKilled: a process on this machine was killed.
    """
    return _here(work, jobs) if address is None else _on_ray(work, jobs, address)


def processors(address: str | None) -> int:
    """How many jobs are worked on at once: 1 in this process.

    Raises:
        ConfigError: as `fan_out`.
    """
    return (
        1 if address is None else max(1, int(_cluster(address).cluster_resources().get("CPU", 1)))
    )


def _here(work: Callable[[J], T], jobs: Iterable[J]) -> Iterator[T]:
    left = iter(jobs)
    first, second = next(left, None), next(left, None)
    if first is None:
        return
    if second is None:
        yield work(first)
        return
    pool = ProcessPoolExecutor(
        AT_ONCE,
        # A copy of this process would have the locks of its threads, but not the threads.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
    )
    try:
        # One more than are worked on waits, so that nobody waits for the first of them to be taken.
        ahead = (first, second, *islice(left, AT_ONCE - 1))
        with _threads(max(1, pl.thread_pool_size() // AT_ONCE)):
            begun = deque(pool.submit(work, job) for job in ahead)
        while begun:
            yield begun.popleft().result()
            begun.extend(pool.submit(work, job) for job in islice(left, 1))
    except BrokenProcessPool:
        raise ProcessKilled(
            "A process that computed a part of the accounts was killed, most likely because memory ran out: nothing of "
            "this step was shown. Give the machine more memory (2 GiB are needed) or stop what else uses it, and run "
            "it again."
        ) from None
    finally:
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


def _begin() -> None:
    """What a process does before its first job: it leaves interrupts to its parent, and ends when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _on_ray(work: Callable[[J], T], jobs: Iterable[J], address: str) -> Iterator[T]:
    ray = _cluster(address)
    # A worker has one processor, so Polars gets one thread there.
    remote = ray.remote(num_cpus=1)(work)
    left = iter(jobs)
    begun = deque(remote.remote(job) for job in islice(left, AHEAD * processors(address)))
    while begun:
        yield ray.get(begun.popleft())
        begun.extend(remote.remote(job) for job in islice(left, 1))


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
