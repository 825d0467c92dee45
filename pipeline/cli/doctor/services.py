"""Everything outside but Stripe: CRM, Slack, exchange rates.

Belongs here: one look at each.
"""

from collections.abc import Iterator

from pipeline.cli.doctor import crm_files, hubspot, salesforce
from pipeline.cli.doctor.finding import Found, tried
from pipeline.errors import ConfigError
from pipeline.settings import Settings


def looked_at(settings: Settings) -> Iterator[Found]:
    """HubSpot, Salesforce, files, Slack and exchange rates."""
    yield from hubspot.looked_at(settings)
    yield from salesforce.looked_at(settings)
    yield from crm_files.looked_at(settings)
    yield tried("Slack", lambda: _slack(settings))
    yield tried("Exchange rates", lambda: _rates(settings))


def _slack(settings: Settings) -> Found:
    from slack_sdk import WebClient
    from slack_sdk.errors import SlackClientError

    channel = settings.config.slack.channel
    if settings.slack_bot_token is None:
        if settings.slack_webhook_url:
            return Found("Slack", "ok", "an incoming webhook (not tried: it would post)")
        return Found("Slack", "note", "not connected: alerts are evaluated and kept, not sent")
    host = settings.slack_api_base or "https://slack.com"
    base = f"{host}/api/"
    client = WebClient(settings.slack_bot_token.get_secret_value(), base_url=base, timeout=10)
    try:
        answer = client.auth_test()
    except OSError:
        raise ConfigError(
            f"Slack at {host} does not answer. Check the network and SLACK_API_BASE, then try again."
        ) from None
    except SlackClientError as error:
        said = getattr(getattr(error, "response", None), "data", None)
        reason = said.get("error") if isinstance(said, dict) else type(error).__name__
        raise ConfigError(f"Slack refuses SLACK_BOT_TOKEN ({reason}). Check the token.") from None
    return Found("Slack", "ok", f"workspace {answer.get('team')}, alerts go to {channel}")


def _rates(settings: Settings) -> Found:
    from pipeline.sources import look_up

    found = look_up(settings.config.fx, settings.config.company.reporting_currency)
    return Found("Exchange rates", "note" if found.notice else "ok", found.notice or found.source)
