"""Stripe: which streams there are, how they are read, and what is kept of them.

Belongs here: everything that knows Stripe's API. Does not belong here: what a record means (`pipeline.billing`).
"""

from pipeline.sources.stripe.client import PUBLIC_BASE
from pipeline.sources.stripe.source import StripeSource
from pipeline.sources.stripe.streams import COUPONS, EVENTS, LISTS

__all__ = ["COUPONS", "EVENTS", "LISTS", "PUBLIC_BASE", "StripeSource"]
