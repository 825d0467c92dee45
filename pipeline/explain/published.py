"""Whether an explanation says what was published.

Belongs here: comparing it with the rows of the month. They differ when evidence, links or settings changed since.
"""

import polars as pl

from pipeline.explain.explanation import Explanation

FIGURES = ("opening_mrr", "fx_mrr", "delta_mrr", "closing_mrr", "evidence", "policy")
PART = ["subscription_item_id", "type", "amount"]


def agrees(found: Explanation, movement: pl.DataFrame, component: pl.DataFrame) -> bool:
    """Whether the account's stored figures are those of the explanation, to the micro-unit.

    Args:
        found: the explanation.
        movement: MRR_MOVEMENT rows of the account, month and window: one, or none without MRR at either end.
        component: MRR_MOVEMENT_COMPONENT rows of the same.
    """
    told = {(each.subscription_item_id, each.type, each.amount) for each in found.components}
    if set(component.select(PART).iter_rows()) != told:
        return False
    if movement.is_empty():
        return not (found.opening_mrr or found.fx_mrr or found.closing_mrr)
    row = movement.row(0, named=True)
    moved = row["movement"] or "none"
    return moved == found.movement and all(row[name] == getattr(found, name) for name in FIGURES)
