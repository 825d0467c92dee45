"""`alerts test`: one sample, sent to Slack at once.

Belongs here: the command. The sample is in `pipeline.alerts.messages`.
"""

import uuid

import click

from pipeline.alerts.delivery.letters import Letter, Outcome
from pipeline.alerts.delivery.slack import connect
from pipeline.alerts.messages import preview, sample
from pipeline.assets.alerts import letterhead, slack
from pipeline.errors import ConfigError, SourceError
from pipeline.settings import Settings

REMEDIES = {
    "channel_not_found": "Check the channel's name in pipeline.toml; invite the bot to it if it is private.",
    "not_in_channel": "Invite the bot to the channel.",
    "is_archived": "Choose another channel in pipeline.toml.",
    "invalid_auth": "Check SLACK_BOT_TOKEN.",
    "token_revoked": "Make a new token and set SLACK_BOT_TOKEN.",
    "missing_scope": "Give the app the scope chat:write, and install it again.",
}


@click.command()
@click.option("--channel", help="To this channel, not to slack.channel.")
@click.option("--dry-run", is_flag=True, help="Print the message; send nothing.")
def test(channel: str | None, dry_run: bool) -> None:
    """Send one sample to the configured channel."""
    settings = Settings.load()
    to = channel or settings.config.slack.channel
    message = sample(to, letterhead(settings, "test"))
    if dry_run:
        click.echo(preview(message))
        return
    post = connect(slack(settings))
    if post is None:
        raise ConfigError(
            "Slack is not connected. Set SLACK_BOT_TOKEN, or SLACK_WEBHOOK_URL, in .env."
        )
    key = f"test|{uuid.uuid4().hex}"
    outcome = post.send(Letter(key, to, message.text, message.blocks))
    if outcome.status != "sent":
        raise SourceError(_refused(to, outcome))
    where = to if settings.slack_bot_token else "the webhook's channel"
    click.echo(f"A sample was sent to {where}.")


def _refused(channel: str, outcome: Outcome) -> str:
    error = outcome.error or "no reason"
    remedy = REMEDIES.get(error, "Type: expansion doctor")
    certain = "may or may not have arrived" if outcome.status == "unknown" else "was not sent"
    return f"The sample to {channel} {certain}: Slack said {error}. {remedy}"
