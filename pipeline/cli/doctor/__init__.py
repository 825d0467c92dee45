"""`doctor`: whether everything that a run needs is there.

Belongs here: looking, and saying what to do. It changes nothing but the folders that a run would make. One module for
each part of the installation, and `stripe` for each Stripe account.
"""

from pipeline.cli.doctor.command import doctor

__all__ = ["doctor"]
