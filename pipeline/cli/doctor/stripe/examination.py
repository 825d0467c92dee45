"""The examination of each Stripe account, from one request to the whole.

Belongs here: the order, and what is not asked any more when the first answer is a refusal.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pipeline.cli.doctor.finding import ONCE, Found, tried
from pipeline.cli.doctor.stripe import key, limits, permissions, size, writing
from pipeline.cli.doctor.stripe.asking import Account
from pipeline.cli.doctor.stripe.permissions import named
from pipeline.errors import SourceError
from pipeline.settings import Settings
from pipeline.sources.configured import stripe_sources
from pipeline.sources.stripe import COUPONS, EVENTS, LISTS, StripeSource
from pipeline.sources.stripe.refusals import refusal

STREAMS = (EVENTS, COUPONS, *LISTS)
"""Everything that a sync reads."""

Look = Callable[[], Iterator[Found]]


def parts(settings: Settings, *, readable: bool) -> Iterator[tuple[str, Look]]:
    """The look at each configured account; `readable`: the warehouse can tell of earlier syncs."""
    try:
        sources = stripe_sources(settings, ONCE)
    except SourceError as error:
        none = Found("Key", "fail", str(error))
        yield "Stripe", lambda: iter([none])
        return
    for source in sources:
        name = f"Stripe {source.account}".strip()
        yield name, partial(_examined, settings, source, readable)


def _examined(settings: Settings, source: StripeSource, readable: bool) -> Iterator[Found]:
    if settings.stripe_api_key is None:
        raise AssertionError("a configured source has a key")
    secret = settings.stripe_api_key.get_secret_value()
    account = Account(secret, source.client(), source.account)
    refused = _connected(source, account)
    if refused is not None:
        yield refused
        return
    with ThreadPoolExecutor(len(STREAMS)) as pool:
        reading = permissions.examined(account, STREAMS, pool)
        write = writing.examined(account, secret, pool)
        first_sync = tried(
            "First sync",
            lambda: size.examined(settings, source.account, account, reading, pool, readable),
        )
    yield key.mode(secret, account.live)
    yield key.version(account.versions)
    yield reading.found
    yield write
    yield limits.clock(account.clock, pinned=settings.pinned_now is not None)
    yield limits.rates(account, secret, settings.config.stripe.requests_per_second)
    yield first_sync


def _connected(source: StripeSource, account: Account) -> Found | None:
    """Why there is nothing to examine; null: Stripe answers, or lacks a permission and no more."""
    refused = account.get(EVENTS.path, {"limit": 1}).refused
    if refused is not None and named(refused):
        return None
    try:
        asyncio.run(_reached(source))
    except SourceError as error:
        return Found("Connection", "fail", str(error))
    if refused is None:
        return None
    told = refusal(refused, account.base, EVENTS.path)
    return Found("Connection", "note", f"a sync can read, but no more can be told now. {told}")


async def _reached(source: StripeSource) -> None:
    """Ask as the sync asks: its client has its own view of proxies and certificates.

    Raises:
        SourceError: what a sync would end with.
    """
    async with source.client() as client:
        await client.get(EVENTS.path, {"limit": 1})
