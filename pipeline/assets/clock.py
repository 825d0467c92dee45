"""A wrong clock stops a night before it reads anything.

Belongs here: how wrong is too wrong. With a clock that is ahead, a sync would say that it knows events which have not
come yet, and months would close too early; with one that is behind, what is seen would count before it was so.
"""

from contextlib import suppress
from datetime import timedelta

from pipeline.assets.place import Place
from pipeline.errors import ConfigError, SourceError
from pipeline.sources import stripe_sources

OFF = timedelta(minutes=5)
"""What is wrong to `expansion doctor`, too: syncs overlap by 15 minutes, and events are visible after 10 at most."""


def refuse_wrong(place: Place) -> None:
    """Hold this machine's clock against Stripe's; `PIPELINE_NOW` is what somebody wants it to be.

    Raises:
        ConfigError: it is too wrong; says by how much.
    """
    settings = place.settings
    if settings.pinned_now is not None:
        return
    ahead = None
    with suppress(SourceError):  # without a key or an answer the sync itself says so
        ahead = stripe_sources(settings)[0].ahead(settings.now)
    if ahead is None or abs(ahead) <= OFF:
        return
    minutes = round(abs(ahead) / timedelta(minutes=1))
    side = "ahead of" if ahead > timedelta() else "behind"
    raise ConfigError(
        f"The clock of this machine is {minutes:,} minutes {side} Stripe's clock. Events would be missed or dated "
        f"wrongly; nothing was read. Set it right and keep it in time (NTP), then start again."
    )
