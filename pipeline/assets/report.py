"""Report: the pages that people open, written at the end of a run.

Belongs here: where they are, and what the configuration and the lake add to them. How a page looks is in
`pipeline.publish.page`. Dagster keeps what it is told for ever, so it gets totals and no name.
"""

import base64
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl

from pipeline.alerts import active_rules, words
from pipeline.assets import inputs
from pipeline.assets.place import Place
from pipeline.config import Config
from pipeline.months import add_months, key_of
from pipeline.publish.page import Given, Threshold, Written, figures_alone, pictures, write_report
from pipeline.schemas import MRR_SNAPSHOT

GROUP = "publish"
FOLDER = "report"
RATE = "expansion_rate"


def report_assets() -> list[dg.AssetsDefinition]:
    """`report`."""

    @dg.asset(
        group_name=GROUP,
        pool="publish",
        kinds={"html"},
        deps=["alert_evaluation"],
    )
    def report(place: dg.ResourceParam[Place]) -> dg.MaterializeResult[None]:
        """Every month's page: other months show the run's months too. Pages made of the same figures are left alone."""
        done = written(place)
        return dg.MaterializeResult(
            metadata={
                "pages": len(done.pages),
                "made": done.made,
                "written": done.changed,
                "index": dg.MetadataValue.path(str(done.index)),
                **(_pictures(place, done.latest) if done.changed and done.latest else {}),
            }
        )

    return [report]


def _pictures(place: Place, month: date) -> dict[str, dg.MarkdownMetadataValue]:
    """Charts of the total as pictures in the text: no name of a customer is on them."""
    return {
        name: dg.MetadataValue.md(
            f"![{name}](data:image/png;base64,{base64.b64encode(drawn).decode()})"
        )
        for name, drawn in pictures(place.engine, month, given(place)).items()
    }


def written(place: Place) -> Written:
    """Write every page; one of a month that the warehouse does not hold any more is taken away."""
    done = write_report(place.engine, folder(place), given(place))
    for page in folder(place).glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].html"):
        if page not in done.pages.values():
            page.unlink()
    return done


def folder(place: Place) -> Path:
    """Where the pages are."""
    return place.settings.data_dir / FOLDER


def given(place: Place) -> Given:
    """What the configuration and the lake say beside the warehouse's figures.

    Raises:
        ConfigError: an alert rule is impossible.
    """
    config = place.settings.config

    def proofs(month: date, items: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
        return _proofs(place, month, items)

    rules = {
        rule.id: rule for rule in active_rules(config.alerts, defaults=config.alerting.defaults)
    }

    def judged(rule: str, observed: float | None, expected: float | None) -> str:
        if rule not in rules:
            return figures_alone(rule, observed, expected)
        return words.judged(rules[rule], observed, expected, config.company.reporting_currency)

    return Given(
        company=config.company.name,
        currency=config.company.reporting_currency,
        thresholds=_thresholds(config),
        target=_target(config),
        policy=tuple((name, str(value)) for name, value in config.mrr.switches().items()),
        proofs=proofs,
        judged=judged,
    )


def _thresholds(config: Config) -> tuple[Threshold, ...]:
    rules = active_rules(config.alerts, defaults=config.alerting.defaults)
    return tuple(
        Threshold(rule.id, rule.threshold)
        for rule in rules
        if (rule.kind, rule.metric, rule.dimension, rule.window_months)
        == ("floor", RATE, "total", 1)
        and rule.threshold is not None
    )


def _target(config: Config) -> float | None:
    return next(
        (each.value for each in config.targets if (each.metric, each.dimension) == (RATE, "total")),
        None,
    )


def _proofs(place: Place, month: date, items: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
    """What proves the items at both ends; a month that the lake does not hold proves nothing."""
    computed = set(place.lake.partitions(MRR_SNAPSHOT))
    ends = [end for end in (add_months(month, -1), month) if key_of(end) in computed]
    if not ends or not items:
        return {}
    rows = inputs.monthly(place, ends, MRR_SNAPSHOT)[MRR_SNAPSHOT]
    found = (
        rows.filter(
            pl.col("subscription_item_id").is_in(sorted(items)), pl.col("proof").is_not_null()
        )
        .sort("month")
        .group_by("subscription_item_id", maintain_order=True)
        .agg(pl.col("proof").unique(maintain_order=True))
        .collect()
    )
    return {item: tuple(ids) for item, ids in found.iter_rows()}
