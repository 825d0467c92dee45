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
OFF_PINNED = timedelta(days=1)
"""`PIPELINE_NOW` stands still while a replay reads."""


def refuse_wrong(place: Place) -> None:
    """Hold the clock, or what stands in for it, against Stripe's.

    Raises:
        ConfigError: it is too wrong; says by how much.
    """
    settings = place.settings
    pinned = settings.pinned_now is not None
    ahead = None
    with suppress(SourceError):  # without a key or an answer the sync itself says so
        ahead = stripe_sources(settings)[0].ahead(settings.now)
    if ahead is None or abs(ahead) <= (OFF_PINNED if pinned else OFF):
        return
    minutes = round(abs(ahead) / timedelta(minutes=1))
    side = "ahead of" if ahead > timedelta() else "behind"
    what = "PIPELINE_NOW is out of range: it" if pinned else "The clock of this machine"
    remedy = "Set it right, or unset it" if pinned else "Set it right and keep it in time (NTP)"
    raise ConfigError(
        f"{what} is {minutes:,} minutes {side} Stripe's clock. Events would be missed or dated wrongly; "
        f"nothing was read. {remedy}, then start again."
    )
