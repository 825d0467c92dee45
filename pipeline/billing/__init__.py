"""Billing: raw Stripe records become what the evidence says, before any policy.

Belongs here: dimensions, the item timeline and usage charges; pure, frames in and frames out. The pipeline decodes with
`decode` and folds with `fold_all` and `fold_new`, which are read share by share.
Does not belong here: MRR, policies, accounts, exchange rates.
"""

from pipeline.billing.decoding import Evidence, decode
from pipeline.billing.folding import DIMENSIONS, FOLDED, Folded
from pipeline.billing.missed import missed
from pipeline.billing.nights import SHARE, Before, Changes, Fold, fold_all, fold_new, since

__all__ = [
    "DIMENSIONS",
    "FOLDED",
    "SHARE",
    "Before",
    "Changes",
    "Evidence",
    "Fold",
    "Folded",
    "decode",
    "fold_all",
    "fold_new",
    "missed",
    "since",
]
