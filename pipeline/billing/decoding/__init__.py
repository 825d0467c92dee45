"""Decoding: raw records of Stripe become evidence in columns (`pipeline.schemas.observed`). `decode` is the door.

Belongs here: JSON shapes, a module for each kind of object, and which records say too little. Does not belong here:
what a field means, or which of two records counts.
"""

from pipeline.billing.decoding.decode import Evidence, decode
from pipeline.billing.decoding.subscriptions import EVENT_ITEMS

__all__ = ["EVENT_ITEMS", "Evidence", "decode"]
