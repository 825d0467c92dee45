"""The way to Slack that the credentials open.

Belongs here: choosing it. How each is walked is in `bot` and `webhook`.
"""

from dataclasses import dataclass, field

from pipeline.alerts.delivery.bot import BotPost
from pipeline.alerts.delivery.letters import Post
from pipeline.alerts.delivery.webhook import WebhookPost

PUBLIC_BASE = "https://slack.com"


@dataclass(frozen=True, slots=True)
class SlackConfig:
    """Where messages go.

    Attributes:
        token: bot token.
        webhook: incoming webhook, where there is no token: one channel, no threads, no look-up.
        api_base: in place of https://slack.com, without `/api/`.
        timeout: seconds that an answer is waited for.
        settling: seconds after an unclear failure before Slack is asked whether the message arrived.
    """

    token: str | None = field(default=None, repr=False)
    webhook: str | None = field(default=None, repr=False)
    api_base: str | None = None
    timeout: float = 10.0
    settling: float = 3.0


def connect(config: SlackConfig) -> Post | None:
    """The way that the credentials open; None without credentials."""
    if config.token:
        return BotPost(config.token, config.api_base or PUBLIC_BASE, config.timeout)
    return WebhookPost(config.webhook, config.timeout) if config.webhook else None
