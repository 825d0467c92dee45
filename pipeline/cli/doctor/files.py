"""The files that `pipeline.toml` names: whether a run can read them.

Belongs here: one look at each, which reads it as a run would. Does not belong here: a CRM's export (`crm_files`) and
exchange rates (`services`).
"""

from collections.abc import Callable, Iterator

import polars as pl

from pipeline.cli.doctor.finding import Found, tried
from pipeline.settings import Settings


def looked_at(settings: Settings) -> Iterator[Found]:
    """How many rows each file has that is named and read; nothing where none is."""
    from pipeline.assets.migrated import first_paid_on
    from pipeline.sources.override_file import read_overrides
    from pipeline.sources.usage_file import read_limits, read_reached, read_usage

    config = settings.config
    override, paid, ready = config.crm.override, config.mrr.first_paid_on, config.readiness
    if override:
        yield _rows("Override", lambda: read_overrides(override).height)
    if paid:
        yield _rows("First paid", lambda: len(first_paid_on(paid)))
    if ready.enabled and ready.usage:
        yield _rows("Usage", lambda: _height(read_usage(ready.usage)))
    if ready.enabled and ready.limits:
        yield _rows("Limits", lambda: _height(read_limits(ready.limits)))
    for each in ready.programs:
        if each.accounts and not each.experiment:
            yield _rows("Program", lambda path=each.accounts: read_reached(path).height)  # type: ignore[misc]


def _rows(what: str, count: Callable[[], int]) -> Found:
    return tried(what, lambda: Found(what, "ok", f"rows: {count():,}"))


def _height(rows: pl.LazyFrame) -> int:
    return rows.collect().height
