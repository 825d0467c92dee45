"""One Stripe account: its key, its permissions, its clock, its limits, and how long the first sync will take.

Belongs here: everything that `doctor` asks Stripe. Nothing is changed there; the one request that could is told in
`writing`.
"""

from pipeline.cli.doctor.stripe.examination import parts

__all__ = ["parts"]
