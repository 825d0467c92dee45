"""Work on many jobs: here, two at a time, or side by side on a Ray cluster.

Belongs here: the one seam between one machine and several. A job says everything that its work needs and holds no
secret: it is sent to other machines, which read and write the lake, and nothing else. Does not belong here: what the
work is, and how many jobs there are.
"""

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar, cast

from pipeline.errors import ConfigError

J = TypeVar("J")
T = TypeVar("T")

AT_ONCE = 2
"""Jobs in this process at the same time: while one is planned or written, the other keeps the processors busy."""
AHEAD = 2
"""Jobs for each processor of the cluster that are begun before the first is done."""


def fan_out(work: Callable[[J], T], jobs: Iterable[J], address: str | None = None) -> Iterator[T]:
    """What `work` makes of each job, in the order of the jobs.

    Args:
        work: a function of a module, of which the other machines have the same version.
        jobs: what can be pickled; each is let go when it is done.
        address: of a Ray cluster (`RAY_ADDRESS`); None: this process does all of it.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
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
    """Results are copies, as they are from elsewhere: a few rows of text would keep the text of all rows in memory."""

    def copied(job: J) -> T:
        return cast(T, pickle.loads(pickle.dumps(work(job))))  # noqa: S301 - what this process made

    left = iter(jobs)
    first, second = next(left, None), next(left, None)
    if first is None:
        return
    if second is None:
        yield copied(first)
        return
    with ThreadPoolExecutor(AT_ONCE, "jobs") as pool:
        # One more than are worked on waits, so that nobody waits for the first of them to be taken.
        begun = deque(
            pool.submit(copied, job) for job in (first, second, *islice(left, AT_ONCE - 1))
        )
        try:
            while begun:
                yield begun.popleft().result()
                begun.extend(pool.submit(copied, job) for job in islice(left, 1))
        finally:
            pool.shutdown(cancel_futures=True)


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
                runtime_env={"env_vars": {"POLARS_MAX_THREADS": "1"}},
            )
        except (ConnectionError, ValueError) as error:
            raise ConfigError(
                f"There is no Ray cluster at RAY_ADDRESS ({type(error).__name__}). Start it, or unset RAY_ADDRESS "
                f"to compute on this machine."
            ) from None
    return ray
