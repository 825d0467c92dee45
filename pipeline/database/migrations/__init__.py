"""Alembic's folder: `env.py` and the revisions, oldest first in `versions`."""
