"""What the figures rest on that is configured, or that the last run had to take as it was.

Belongs here: looks at what a run has computed, and settings without effect.
"""

from collections.abc import Iterator
from operator import attrgetter

import polars as pl

from pipeline import database, mrr
from pipeline.cli.doctor.finding import Found
from pipeline.config import Config
from pipeline.lake import Lake
from pipeline.schemas import FX_RATE, ITEM_TIMELINE, PRICE
from pipeline.settings import Settings

LATER = ("benchmarks.expansion_share_of_new", "benchmarks.nrr_annual")
"""The keys that docs/configuration.md marks as *later*."""


def looked_at(settings: Settings, *, readable: bool) -> Iterator[Found]:
    """Plans that need a name and old exchange rates, if the lake is `readable`; settings that nothing reads."""
    if readable:
        yield from _plans(settings)
        yield from _old_rates(settings)
        yield from _messages(settings)
    yield from _later(settings)


def _plans(settings: Settings) -> Iterator[Found]:
    """Products with several prices in use for one interval and currency: plans need a mapping to be told apart."""
    engine = database.engine(settings.warehouse_url)
    try:
        lake = Lake(settings.lake_root, engine)
        used = lake.scan(ITEM_TIMELINE).filter(pl.col("valid_to").is_null())
        prices = lake.scan(PRICE).join(used, on=["price_id", "currency"], how="semi")
        unnamed = mrr.mapped_plan(settings.config.mrr.plans).is_null()
        several = (
            prices.filter(unnamed, pl.col("usage_type") == "licensed")
            .group_by("product_id", "currency", "interval", "interval_count")
            .agg(count=pl.col("price_id").n_unique())
            .filter(pl.col("count") > 1)
            .select("product_id")
            .unique()
            .sort("product_id")
            .collect()
            .to_series()
        )
    finally:
        engine.dispose()
    if len(several):
        listed = ", ".join(several.head(3).to_list())
        yield Found(
            "Plans",
            "note",
            f"{len(several)} products have several prices in use for one interval ({listed}): if they "
            f"are different plans, name them under [mrr.plans]",
        )


def _old_rates(settings: Settings) -> Iterator[Found]:
    """What the last run had to take an old exchange rate for."""
    from pipeline.assets.fx import stale_told
    from pipeline.sources import stale_rates

    engine = database.engine(settings.warehouse_url)
    try:
        known = Lake(settings.lake_root, engine).scan(FX_RATE)
        old = stale_rates(known, settings.now().date()).collect()
    finally:
        engine.dispose()
    if old.height:
        yield Found("Old rates", "note", stale_told(old))


def _messages(settings: Settings) -> Iterator[Found]:
    """Messages that did not reach Slack."""
    from pipeline.alerts.delivery import undelivered

    engine = database.engine(settings.warehouse_url)
    try:
        found = undelivered(engine, settings.now())
    finally:
        engine.dispose()
    if found.any:
        yield Found("Messages", "note", found.told)


def _later(settings: Settings) -> Iterator[Found]:
    """Settings that are accepted and not used yet: nobody should believe that they work."""
    config, default = settings.config, Config()
    named = [key for key in LATER if attrgetter(key)(config) != attrgetter(key)(default)]
    if named:
        yield Found("Not used yet", "note", f"{', '.join(named)}: this version does not act on it")
