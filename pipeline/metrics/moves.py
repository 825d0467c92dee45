"""What metrics are made of: the tables of MRR, of the same months, windows and accounts."""

from dataclasses import dataclass, field

import polars as pl

from pipeline.schemas import MRR_SCHEDULED


@dataclass(frozen=True, slots=True)
class Moves:
    """What MRR says of some months and accounts; where nothing is said of what is scheduled, nothing is.

    Attributes:
        snapshot: MRR_SNAPSHOT rows.
        movement: MRR_MOVEMENT.
        item_movement: MRR_ITEM_MOVEMENT.
        component: MRR_MOVEMENT_COMPONENT.
        scheduled: MRR_SCHEDULED.
    """

    snapshot: pl.LazyFrame
    movement: pl.LazyFrame
    item_movement: pl.LazyFrame
    component: pl.LazyFrame
    scheduled: pl.LazyFrame = field(default_factory=lambda: MRR_SCHEDULED.empty().lazy())
