"""The lake that is measured: in a folder, over a SQLite ledger."""

from pathlib import Path

from pipeline.database import engine, upgrade
from pipeline.lake import Lake


def lake_in(folder: Path) -> Lake:
    """The lake in `folder`, made if there is none."""
    url = f"sqlite:///{folder / 'warehouse.db'}"
    upgrade(url)
    return Lake(folder / "lake", engine(url))
