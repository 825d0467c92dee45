"""`[slack]` and `[alerting]`: where messages go, and how rules come together.

Belongs here: keys and defaults. Does not belong here: a rule (`pipeline.config.alerts`), secrets (`pipeline.settings`).
"""

from pydantic import Field

from pipeline.config.section import Address, Channel, Section


class Slack(Section):
    """Where messages go."""

    channel: Channel = "#revenue"
    operations_channel: Channel = "#data-ops"
    digest: bool = True
    """The monthly digest is sent."""
    digest_channels: tuple[Channel, ...] = ()
    """Who gets it; empty: `channel`."""
    restatement_bound: float = Field(default=0.01, ge=0, le=100)
    """A closed month's headline that moves by more than this share of itself is told in `channel`."""
    dagster_url: Address | None = None
    """Where Dagster's pages are: messages link their run."""

    @property
    def digests(self) -> tuple[str, ...]:
        """The channels that get the monthly digest."""
        return (self.digest_channels or (self.channel,)) if self.digest else ()


class Alerting(Section):
    """How rules come together."""

    defaults: bool = True
    """The rules that ship are on."""
    storm: int = Field(default=5, ge=1, le=1000)
    """More than so many messages at once become one digest."""
