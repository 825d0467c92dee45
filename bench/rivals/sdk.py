"""The official SDK's auto-paging: `python -m bench.rivals.sdk URL`. Objects are counted, nothing is written."""

import stripe

from bench.rivals.reading import KEY, measured


def read(url: str) -> int:
    """Every subscription, one page after the other."""
    client = stripe.StripeClient(KEY, base_addresses={"api": url})
    found = client.v1.subscriptions.list(params={"limit": 100, "status": "all"})
    return sum(1 for _ in found.auto_paging_iter())


if __name__ == "__main__":
    measured("stripe", read)
