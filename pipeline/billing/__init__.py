"""Billing: raw Stripe records become what the evidence says, before any policy.

Belongs here: dimensions, the item timeline and usage charges; pure, frames in and frames out. `fold` is the door; those
who keep decoded evidence use `decode`, `fold_evidence` and `fold_night`.
Does not belong here: MRR, policies, accounts, exchange rates.
"""

from pipeline.billing.decoding import Evidence, decode
from pipeline.billing.folding import (
    Billing,
    fold,
    fold_evidence,
)
from pipeline.billing.missed import missed
from pipeline.billing.nights import Night, changes, fold_night

__all__ = [
    "Billing",
    "Evidence",
    "Night",
    "changes",
    "decode",
    "fold",
    "fold_evidence",
    "fold_night",
    "missed",
]
