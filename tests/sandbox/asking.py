"""Requests to the simulated Stripe, with and without the SDK."""

from datetime import UTC, datetime
from typing import Any

import httpx
import stripe

from pipeline.sandbox.server import SandboxServer

END = datetime(2026, 11, 23, tzinfo=UTC)


def connect(server: SandboxServer, key: str = "sk_test_sandbox") -> stripe.StripeClient:
    """The SDK in front of the simulated Stripe."""
    return stripe.StripeClient(key, base_addresses={"api": server.stripe_url})


def get(server: SandboxServer, path: str, key: str | None = "sk_test_sandbox") -> httpx.Response:
    """The answer to a path, with a key or without."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.get(server.stripe_url + path, headers=headers)


def error(server: SandboxServer, path: str) -> dict[str, Any]:
    """The error that a path is refused with."""
    response = get(server, path)
    assert response.status_code in {400, 404}
    return response.json()["error"]
