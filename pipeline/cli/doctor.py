"""`doctor`: whether everything that a run needs is there.

Belongs here: looking, and saying what to do. It writes nothing but the folders that a run would make.
"""

import json as json_module
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click
import polars as pl
from rich.markup import escape
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from pipeline import database
from pipeline.cli import outside, terminal
from pipeline.config import Config
from pipeline.errors import ConfigError, PipelineError, SourceError
from pipeline.lake import Lake
from pipeline.schemas import FX_RATE, ITEM_TIMELINE, PRICE, SOURCE_SYNC
from pipeline.settings import Settings
from pipeline.sources.limits import Patience

Verdict = Literal["ok", "note", "fail"]
MARKS = {"ok": "[green]✓[/green]", "note": "[yellow]![/yellow]", "fail": "[red]✗[/red]"}
ONCE = Patience(attempts=2)


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    said: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Look whether keys, permissions, folders, warehouse and schedule are right."""
    settings = Settings.load()
    found = list(_examined(settings))
    if as_json:
        click.echo(json_module.dumps([asdict(each) for each in found]))
    else:
        console = terminal.out()
        for each in found:
            console.print(f"{MARKS[each.verdict]} {each.what:<14} {escape(each.said)}")
    if any(each.verdict == "fail" for each in found):
        sys.exit(1)


def _examined(settings: Settings) -> Iterator[Found]:
    shown = (
        settings.config_path if settings.config_path.is_file() else "defaults (no pipeline.toml)"
    )
    yield Found("Configuration", "ok", str(shown))
    yield _tried("Data folder", lambda: _folder(settings))
    yield _tried("Dagster", lambda: _dagster(settings))
    warehouse = _tried("Warehouse", lambda: _warehouse(settings))
    yield warehouse
    yield _tried("Stripe", lambda: _stripe(settings))
    yield _tried("HubSpot", lambda: _hubspot(settings))
    yield _tried("Slack", lambda: _slack(settings))
    yield _tried("Exchange rates", lambda: _rates(settings))
    yield _schedule(settings)
    if warehouse.verdict == "ok":
        yield from _plans(settings)
        yield from _old_rates(settings)
    yield from _later(settings)


def _tried(what: str, look: Callable[[], Found]) -> Found:
    try:
        return look()
    except PipelineError as error:
        return Found(what, "fail", str(error))
    except (OSError, DBAPIError) as error:
        told = outside.explained(error)
        if told is None:
            raise
        return Found(what, "fail", str(told))


def _folder(settings: Settings) -> Found:
    return _writable("Data folder", settings.lake_root, "DATA_DIR")


def _dagster(settings: Settings) -> Found:
    return _writable("Dagster", settings.dagster_home, "DAGSTER_HOME")


def _writable(what: str, folder: Path, variable: str) -> Found:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written: {error.strerror}. Set {variable}."
        ) from None
    return Found(what, "ok", str(folder))


def _warehouse(settings: Settings) -> Found:
    url = settings.warehouse_url
    shown = make_url(url).render_as_string()
    try:
        pending = database.pending(url)
    except OperationalError as error:
        raise ConfigError(
            f"{shown} does not answer ({type(error.orig).__name__}). Check WAREHOUSE_URL."
        ) from None
    if not pending:
        return Found("Warehouse", "ok", f"{shown}; {_last_sync(url)}")
    if make_url(url).get_backend_name() == "sqlite":
        return Found("Warehouse", "note", f"{shown} has no tables yet; the first run makes them")
    return Found("Warehouse", "fail", f"{shown} lacks tables. Type: expansion db upgrade")


def _last_sync(url: str) -> str:
    engine = database.engine(url)
    try:
        with database.reading(engine) as connection:
            last = connection.scalar(select(func.max(database.table_of(SOURCE_SYNC).c.finished_at)))
    finally:
        engine.dispose()
    return f"last sync {last:%Y-%m-%d %H:%M} UTC" if last else "no sync yet"


def _stripe(settings: Settings) -> Found:
    from pipeline.sources.configured import configured_sources
    from pipeline.sources.stripe import LISTS, StripeSource

    sources = [s for s in configured_sources(settings, ONCE) if isinstance(s, StripeSource)]
    refused = [said for source in sources for said in source.unreadable()]
    if refused:
        raise SourceError(" ".join(dict.fromkeys(refused)))
    return Found("Stripe", "ok", f"{len(sources)} account, {len(LISTS) + 2} streams can be read")


def _hubspot(settings: Settings) -> Found:
    from pipeline.sources.configured import configured_sources
    from pipeline.sources.hubspot import HubSpotSource

    if not settings.hubspot_service_key:
        return Found("HubSpot", "note", "not connected (HUBSPOT_SERVICE_KEY): no CRM dimensions")
    for source in configured_sources(settings, ONCE):
        if isinstance(source, HubSpotSource):
            pages = source.pull({}, settings.now)
            next(iter(pages))
            pages.close()  # type: ignore[attr-defined]
    return Found("HubSpot", "ok", "companies can be read")


def _slack(settings: Settings) -> Found:
    from slack_sdk import WebClient
    from slack_sdk.errors import SlackClientError

    channel = settings.config.slack.channel
    if settings.slack_bot_token is None:
        if settings.slack_webhook_url:
            return Found("Slack", "ok", "an incoming webhook (not tried: it would post)")
        return Found("Slack", "note", "not connected: alerts are evaluated and kept, not sent")
    base = f"{settings.slack_api_base or 'https://slack.com'}/api/"
    client = WebClient(settings.slack_bot_token.get_secret_value(), base_url=base, timeout=10)
    try:
        answer = client.auth_test()
    except (SlackClientError, OSError) as error:
        said = getattr(getattr(error, "response", None), "data", None)
        reason = said.get("error") if isinstance(said, dict) else type(error).__name__
        raise ConfigError(f"Slack refuses SLACK_BOT_TOKEN ({reason}). Check the token.") from None
    return Found("Slack", "ok", f"workspace {answer.get('team')}, alerts go to {channel}")


def _rates(settings: Settings) -> Found:
    from pipeline.sources import look_up

    found = look_up(settings.config.fx, settings.config.company.reporting_currency)
    return Found("Exchange rates", "note" if found.notice else "ok", found.notice or found.source)


def _schedule(settings: Settings) -> Found:
    schedule = settings.config.schedule
    if schedule.running:
        return Found(
            "Schedule",
            "ok",
            f"{schedule.nightly}, while a Dagster daemon runs (docs/operations.md)",
        )
    return Found("Schedule", "note", "stopped (schedule.running = false): type expansion run")


def _plans(settings: Settings) -> Iterator[Found]:
    """Products with several prices in use for one interval and currency: plans need a mapping to be told apart."""
    if database.pending(settings.warehouse_url):
        return
    engine = database.engine(settings.warehouse_url)
    try:
        lake = Lake(settings.lake_root, engine)
        used = lake.scan(ITEM_TIMELINE).filter(pl.col("valid_to").is_null())
        prices = lake.scan(PRICE).join(used, on=["price_id", "currency"], how="semi")
        mapped = list(settings.config.mrr.plans)
        several = (
            prices.filter(~pl.col("price_id").is_in(mapped), pl.col("usage_type") == "licensed")
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

    if database.pending(settings.warehouse_url):
        return
    engine = database.engine(settings.warehouse_url)
    try:
        known = Lake(settings.lake_root, engine).scan(FX_RATE)
        old = stale_rates(known, settings.now().date()).collect()
    finally:
        engine.dispose()
    if old.height:
        yield Found("Old rates", "note", stale_told(old))


def _later(settings: Settings) -> Iterator[Found]:
    """Settings that are accepted and not used yet: nobody should believe that they work."""
    config, default = settings.config, Config()
    crm = ("order", "override", "shared_domains", "min_coverage", "deal_types", "attribution_days")
    named = [
        *(
            f"crm.{key}"
            for key in (*crm, "files")
            if getattr(config.crm, key) != getattr(default.crm, key)
        ),
        *(["SALESFORCE_DOMAIN"] if settings.salesforce_domain else []),
    ]
    if named:
        yield Found("Not used yet", "note", f"{', '.join(named)}: this version does not act on it")
