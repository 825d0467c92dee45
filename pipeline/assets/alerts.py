"""Alerts: what the published months mean, and its way to Slack.

Belongs here: who may alert. Only a nightly run does: a backfill never does, whatever it finds.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipeline.alerts import Letterhead, active_rules
from pipeline.alerts.delivery import (
    SlackConfig,
    Voice,
    deliver,
    evaluate_and_store,
    undelivered,
)
from pipeline.assets.place import Place
from pipeline.settings import Settings

GROUP = "alerts"
PURPOSE = "expansion/purpose"
NIGHTLY = "nightly"
DELIVERED = dg.AssetCheckSpec(
    "messages_delivered",
    asset="slack_delivery",
    description="Every message of the last 30 days reached Slack, and none waits for more than two days.",
)
"""A warning: the figures are there, and somebody has to know that nobody was told."""


def alert_assets() -> list[dg.AssetsDefinition]:
    """`alert_evaluation` and `slack_delivery`."""

    @dg.asset(group_name=GROUP, deps=["warehouse"], kinds={"sql"}, pool="publish")
    def alert_evaluation(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> dg.MaterializeResult[None]:
        """Every rule on the published, closed months; a nightly run also decides what to say."""
        config = place.settings.config
        found = evaluate_and_store(
            place.engine,
            active_rules(config.alerts, defaults=config.alerting.defaults),
            place.calendar(),
            context.run.run_id,
            place.settings.now(),
            notify=_nightly(context),
            voice=_voice(place, context.run.run_id),
        )
        return dg.MaterializeResult(
            metadata={
                "nightly": _nightly(context),
                "evaluations": found.evaluations,
                "breaches": found.breaches,
                "transitions": found.transitions,
                "new messages": found.messages,
                "firing": found.firing,
            }
        )

    @dg.asset(
        group_name=GROUP,
        deps=["alert_evaluation"],
        kinds={"slack"},
        pool="publish",
        check_specs=[DELIVERED],
    )
    def slack_delivery(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """The messages that wait, sent to Slack; one that cannot be delivered is a warning, not a failure."""
        metadata = _sent(context, place) if _nightly(context) else {"nightly": False}
        yield dg.MaterializeResult(metadata=metadata, check_results=[_delivered(place)])

    return [alert_evaluation, slack_delivery]


def _nightly(context: dg.AssetExecutionContext) -> bool:
    return context.run.tags.get(PURPOSE) == NIGHTLY


def _sent(context: dg.AssetExecutionContext, place: Place) -> dict[str, Any]:
    found = deliver(place.engine, slack(place.settings), place.settings.now())
    if found.dead:
        context.log.warning("%s messages could not be delivered to Slack", found.dead)
    return {
        "nightly": True,
        "sent": found.sent,
        "waiting": found.pending + found.unknown,
        "undeliverable": found.dead,
        "no destination": found.no_destination,
        "charts": found.charts,
        "charts that failed": found.charts_failed,
        "another delivery was under way": found.elsewhere,
    }


def _delivered(place: Place) -> dg.AssetCheckResult:
    found = undelivered(place.engine, place.settings.now())
    return dg.AssetCheckResult(
        asset_key=DELIVERED.asset_key,
        check_name=DELIVERED.name,
        passed=not found.any,
        severity=dg.AssetCheckSeverity.WARN,
        description=found.told if found.any else None,
        metadata={"dead": found.dead, "waiting": found.late},
    )


def _voice(place: Place, run_id: str) -> Voice:
    settings, config = place.settings, place.settings.config
    return Voice(
        head=letterhead(settings, run_id),
        channel=config.slack.channel,
        operations=config.slack.operations_channel,
        digests=config.slack.digests,
        storm=config.alerting.storm,
        bound=config.slack.restatement_bound,
        dimensions=config.dimensions,
    )


def letterhead(settings: Settings, run_id: str) -> Letterhead:
    """What every message of a run knows beside the figures."""
    config = settings.config
    domain = settings.salesforce_domain
    return Letterhead(
        run_id=run_id,
        at=settings.now(),
        currency=config.company.reporting_currency,
        company=config.company.name,
        dagster_url=config.slack.dagster_url,
        salesforce=domain.removesuffix(".salesforce.com") if domain else None,
        hubspot_portal=config.crm.hubspot_portal,
    )


def slack(settings: Settings) -> SlackConfig:
    """Where messages go."""
    token, webhook = settings.slack_bot_token, settings.slack_webhook_url
    return SlackConfig(
        token=token.get_secret_value() if token else None,
        webhook=webhook.get_secret_value() if webhook else None,
        api_base=settings.slack_api_base,
    )
