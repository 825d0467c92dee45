"""A step that reads a source is tried again while the source is down.

Belongs here: the second of three ways to try again, which do not multiply. A request is repeated for some seconds
(`pipeline.sources.limits`); a step that reads waits for minutes (`Place.waits`), for `SourceDown` only; a run whose
process died is started once more (`run_retries` in dagster.yaml), one whose step failed is not. What computes is never
tried again: it would say the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from pipeline.assets.place import Place
from pipeline.errors import SourceDown


def ask(context: dg.AssetExecutionContext, place: Place, down: Sequence[SourceDown]) -> None:
    """Ask Dagster to try the step again, if something is down and there is a time left.

    Raises:
        RetryRequested: to Dagster, which waits and starts the step anew.
    """
    if not down or context.retry_number >= len(place.waits):
        return
    wait = place.waits[context.retry_number]
    for error in down:
        context.log.warning("%s The step is tried again in %.0f seconds.", error, wait)
    raise dg.RetryRequested(max_retries=len(place.waits), seconds_to_wait=wait) from down[0]


@contextmanager
def while_down(context: dg.AssetExecutionContext, place: Place) -> Iterator[None]:
    """Ask for the step again if the block finds its source down; the last time the error stays what it is."""
    try:
        yield
    except SourceDown as error:
        ask(context, place, [error])
        raise
