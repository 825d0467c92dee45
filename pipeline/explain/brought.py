"""Who brought the components of an expansion, as an explanation shows it.

Belongs here: the rows of EXPANSION_ATTRIBUTION in words and as JSON. Who brought it is decided in
`pipeline.metrics.attribution`.
"""

import json
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.explain import words
from pipeline.explain.document import instant, money


def brought_document(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows with the keys of `expansion explain --json`, under `attribution`.

    Args:
        rows: EXPANSION_ATTRIBUTION of one account and month.
    """
    return [
        {
            "subscription_item_id": row["subscription_item_id"],
            "type": row["type"],
            "amount": money(row["amount"]),
            "attribution": row["attribution"],
            "deal_id": row["deal_id"],
            "owner": row["owner"],
            "changed_at": instant(row["at"]),
            "evidence": json.loads(row["evidence"]),
        }
        for row in rows.to_dicts()
    ]


def render_brought(rows: pl.DataFrame, timezone: str = "UTC") -> RenderableType:
    """What to print: of each component its amount, who brought it, by which deals, and when its change was made."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for number, row in enumerate(rows.to_dicts()):
        ids = json.loads(row["evidence"])
        changed = row["at"].astimezone(ZoneInfo(timezone))
        said = Text.assemble(
            (row["attribution"].replace("_", " "), "bold"),
            f" by {', '.join(ids)}" if ids else "",
            f" · owner {row['owner']}" if row["owner"] else "",
            (f"\nitem {row['subscription_item_id']}, changed {changed:%Y-%m-%d %H:%M:%S}", "dim"),
        )
        label = "" if number else "Brought by"
        table.add_row(label, f"{row['type'].replace('_', '-')} {_signed(row['amount'])}", said)
    return table


def _signed(amount: int) -> str:
    return f"{'+' if amount > 0 else ''}{words.plain(words.micro(amount))}"
