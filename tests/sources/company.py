"""The simulated company behind HTTP, for the tests of syncing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread

import uvicorn

from pipeline.sandbox.company import Company
from pipeline.sandbox.stripe_api import StripeApi
from pipeline.sandbox.web.world import Conditions, World
from pipeline.sources.limits import Patience

END = datetime(2026, 11, 23, tzinfo=UTC)
KEY, BLIND = "rk_test_sees", "rk_test_sees_no_invoices"
QUICK = Patience(attempts=2, first_seconds=0.01)


@contextmanager
def served(company: Company) -> Iterator[str]:
    """The address of its Stripe."""
    with answering(company) as (address, _):
        yield address


@contextmanager
def answering(
    company: Company, conditions: Conditions | None = None
) -> Iterator[tuple[str, StripeApi]]:
    """The address of its Stripe, and who answers there."""
    world = World(company, conditions or Conditions())
    api = StripeApi(world, {KEY: frozenset(), BLIND: frozenset({"rak_invoice_read"})})
    config = uvicorn.Config(
        api.app(), host="127.0.0.1", port=0, log_level="critical", lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    yield f"http://{host}:{port}", api
    server.should_exit = True
    thread.join()
